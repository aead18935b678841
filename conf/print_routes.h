// Routes and policy rules, each as the line of keepalived.conf that reads back the same.
#pragma once

#include <string>

#include "conf/model.h"

namespace xd::conf {

std::string line_of(const VirtualRoute& route);
std::string line_of(const VirtualRule& rule);

}  // namespace xd::conf
