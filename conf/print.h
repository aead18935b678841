// A model as canonical keepalived.conf: every value spelled out, nothing inherited. Compiling the text gives the same
// model.
#pragma once

#include <string>

#include "conf/model.h"

namespace xd::conf {

std::string print(const Model& model);

}  // namespace xd::conf
