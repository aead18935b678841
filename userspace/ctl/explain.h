// Why something is as it is: an election, a real server, a packet.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace xd::ctl {

// In sentences, from what `status` answers. Nothing when the daemon has no such instance, or no such real server ("10.0.0.11:80";
// without its port: on any).
std::optional<std::string> explain_instance(const nlohmann::json& status, const std::string& name);
std::optional<std::string> explain_server(const nlohmann::json& status, const std::string& endpoint);
// "10.0.0.1:80/tcp", "10.0.0.1:80" or "10.0.0.1".
std::optional<std::string> explain_service(const nlohmann::json& status, const std::string& service);
// ": TCP_CHECK connection refused" of the first checker that holds a real server down.
std::string why_down(const nlohmann::json& server);
// What there is to be explained, for those who ask for something else.
std::string explainable(const nlohmann::json& status);

}  // namespace xd::ctl
