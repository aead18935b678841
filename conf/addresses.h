// Lines of virtual_ipaddress, virtual_ipaddress_excluded and static_ipaddress.
#pragma once

#include "conf/builder.h"

namespace xd::conf {

// The first address of an instance decides its family; one of the other family has no place in its adverts. False: said so.
bool belongs_to_family(Builder& b, const Token& at, const IpAddress& address);

}  // namespace xd::conf
