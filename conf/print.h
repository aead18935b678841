// A model as canonical keepalived.conf: every value spelled out, nothing inherited. Compiling the text gives the same
// model.
#pragma once

#include <string>

#include "conf/model.h"

namespace xd::conf {

std::string print(const Model& model);
// One part of it.
std::string print(const Global& global);
std::string print(const VrrpScript& script);
std::string print(const TrackFile& file);
std::string print(const TrackProcess& process);
std::string print(const BfdInstance& bfd);
std::string print(const TrackGroup& group);
std::string print(const VrrpInstance& instance);
std::string print(const VrrpSyncGroup& group);
std::string print(const SslSettings& ssl);
std::string print(const VirtualServer& server);
std::string print(const RealServer& server);

}  // namespace xd::conf
