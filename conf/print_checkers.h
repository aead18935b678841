// The checkers' part of print.cpp.
#pragma once

#include "conf/model.h"
#include "conf/writer.h"

namespace xd::conf {

void print_checker(Writer& w, const Checker& c);

}  // namespace xd::conf
