#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>

#include "vrrp/scripts.h"

namespace xd::vrrp {

namespace {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
};

Result<Identity> identity_of(const conf::Script& script, const ScriptSecurity& security) {
  const std::string& user = !script.user.empty() ? script.user : security.default_user;
  const std::string& group = !script.group.empty() ? script.group : script.user.empty() ? security.default_group : std::string();
  Identity id{::getuid(), ::getgid()};
  if (!user.empty()) {
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) return Error{"user '" + user + "' does not exist"};
    id = {entry->pw_uid, entry->pw_gid};
  } else if (const passwd* entry = ::getpwnam("keepalived_script")) {
    id = {entry->pw_uid, entry->pw_gid};
  }
  if (!group.empty()) {
    const ::group* entry = ::getgrnam(group.c_str());
    if (entry == nullptr) return Error{"group '" + group + "' does not exist"};
    id.gid = entry->gr_gid;
  }
  return id;
}

// What execvp would start.
std::optional<std::filesystem::path> find_program(const std::string& word) {
  if (word.find('/') != std::string::npos) return word;
  const char* path = ::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto candidate = std::filesystem::path(folder.empty() ? "." : folder) / word;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

bool executable_by(const struct stat& file, const Identity& id) {
  if (id.uid == 0) return (file.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
  if (file.st_uid == id.uid) return (file.st_mode & S_IXUSR) != 0;
  if (file.st_gid == id.gid) return (file.st_mode & S_IXGRP) != 0;
  return (file.st_mode & S_IXOTH) != 0;
}

// The first element of the path, from the file up to the root, that somebody other than root could replace.
std::optional<std::string> writable_by_others(const std::filesystem::path& program) {
  for (auto part = program;; part = part.parent_path()) {
    struct stat entry;
    if (::stat(part.c_str(), &entry) != 0) return part.string();
    const bool sticky_folder = S_ISDIR(entry.st_mode) && (entry.st_mode & S_ISVTX) != 0;
    const bool group_writes = (entry.st_mode & S_IWGRP) != 0 && entry.st_gid != 0;
    const bool others_write = (entry.st_mode & S_IWOTH) != 0;
    if (entry.st_uid != 0 || ((group_writes || others_write) && !sticky_folder)) return part.string();
    if (part == part.root_path()) return std::nullopt;
  }
}

}  // namespace

Result<Command> resolve_script(const conf::Script& script, const ScriptSecurity& security) {
  if (script.words.empty()) return Error{"it has no words"};
  auto id = identity_of(script, security);
  if (!id) return std::move(id).error();
  const auto program = find_program(script.words[0]);
  if (!program) return Error::from_errno(script.words[0] + " is not in PATH", ENOENT);
  struct stat file;
  if (::stat(program->c_str(), &file) != 0) return Error::from_errno(program->string());
  if (!S_ISREG(file.st_mode)) return Error::from_errno(program->string() + " is not a file", EACCES);
  if (!executable_by(file, *id)) return Error::from_errno(program->string() + " is not executable", EACCES);
  if (security.enabled && id->uid == 0) {
    std::error_code failed;
    const auto real = std::filesystem::canonical(*program, failed);
    if (failed) return Error::from_errno(program->string(), failed.value());
    if (const auto weak = writable_by_others(real)) {
      return Error{"it would run as root, but others than root can change " + *weak + " (enable_script_security)"};
    }
  }
  Command command;
  command.words = script.words;
  command.words[0] = program->string();
  if (id->uid != ::getuid() || id->gid != ::getgid()) {
    command.uid = id->uid;
    command.gid = id->gid;
  }
  return command;
}

}  // namespace xd::vrrp
