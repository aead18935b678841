// Mistakes that keepalived's configuration test does not see: files that are sound and yet do not do what was meant. Each is a
// warning with a cure, and none changes the model or the test's verdict.
#pragma once

#include "conf/builder.h"

namespace xd::conf {

// When the model is complete; the drafts' places are still there.
void advise(Builder& b);

}  // namespace xd::conf
