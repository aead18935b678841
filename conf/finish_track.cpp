// Names in track lists become references to what is defined, with its weight where the list gives none.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "conf/builder.h"
#include "conf/text.h"

namespace xd::conf {

namespace {

constexpr std::uint8_t address_owner = 255;
constexpr std::string_view specify_weights = "sync_group_tracking_weight in the group allows weights";

// What instances may track of each kind. A bfd_instance for the checkers alone is not among them.
std::vector<const BfdInstance*> trackable(const std::vector<BfdInstance>& bfds) {
  std::vector<const BfdInstance*> out;
  for (const BfdInstance& d : bfds) {
    if (d.for_vrrp) out.push_back(&d);
  }
  return out;
}

template <typename T>
std::vector<const T*> trackable(const std::vector<T>& things) {
  std::vector<const T*> out;
  for (const T& t : things) out.push_back(&t);
  return out;
}

template <typename T>
void resolve(Builder& b, const TrackDrafts& drafts, const std::vector<T>& things, std::string_view kind, std::string_view owner,
             std::vector<Track>& out) {
  const auto known = trackable(things);
  for (std::size_t i = 0; i < drafts.tracks.size(); ++i) {
    Track t = drafts.tracks[i];
    const auto found = std::find_if(known.begin(), known.end(), [&](const T* one) { return one->name == t.name; });
    if (found == known.end()) {
      std::vector<std::string_view> names;
      for (const T* one : known) names.push_back(one->name);
      const std::string_view close = nearest(t.name, names);
      b.warn(drafts.at[i], fmt::format("{} tracks {} {}, which is not defined; it is ignored", owner, kind, t.name), {},
             close.empty() ? "" : fmt::format("did you mean '{}'?", close));
      continue;
    }
    drafts.weights[i].apply(t, (*found)->weight, (*found)->weight_reverse);
    out.push_back(std::move(t));
  }
}

const Token& place_of(const TrackDrafts& drafts, std::string_view name) {
  return *std::find_if(drafts.at.begin(), drafts.at.end(), [&](const Token& t) { return t.text == name; });
}

// A weight of 1 is what a file has when nobody wrote one: it becomes 0, any number but 0 in the file is then a fault. With another
// weight the file is not tracked.
void drop_file_weights(Builder& b, InstanceDraft& d, std::string_view why, std::string_view hint) {
  for (Track& t : d.out.track_files) {
    if (t.weight != 1 && t.weight != -1) continue;
    b.warn(place_of(d.files, t.name),
           fmt::format("{}: the weight of file {} does not count {}; any number in it but 0 is a fault instead", d.out.name, t.name, why),
           {}, hint.empty() ? "write weight 0" : std::string(hint));
    t.weight = 0;
  }
  std::erase_if(d.out.track_files, [&](const Track& t) {
    if (t.weight == 0) return false;
    b.warn(place_of(d.files, t.name),
           fmt::format("{}: file {} has a weight, which does not count {}; it is not tracked", d.out.name, t.name, why), {},
           std::string(hint));
    return true;
  });
}

void drop_bfd_weights(Builder& b, InstanceDraft& d, std::string_view why, std::string_view hint) {
  std::erase_if(d.out.track_bfds, [&](const Track& t) {
    if (t.weight == 0) return false;
    b.warn(place_of(d.bfds, t.name),
           fmt::format("{}: bfd {} has a weight, which does not count {}; it is not tracked", d.out.name, t.name, why), {},
           std::string(hint));
    return true;
  });
}

template <typename Owner, typename Draft>
void resolve_all(Builder& b, Owner& owner, const Draft& d) {
  resolve(b, d.files, b.model.track_files, "file", owner.name, owner.track_files);
  resolve(b, d.processes, b.model.track_processes, "process", owner.name, owner.track_processes);
  resolve(b, d.bfds, b.model.bfd_instances, "bfd", owner.name, owner.track_bfds);
}

void finish_bfds(Builder& b) {
  std::map<IpAddress, const BfdDraft*> neighbors;
  std::vector<BfdInstance> usable;
  for (BfdDraft& d : b.bfds) {
    BfdInstance& i = d.out;
    if (i.neighbor.is_unset()) {
      b.warn(d.at, fmt::format("bfd_instance {} has no neighbor_ip; it is ignored", i.name));
      continue;
    }
    if (const auto [first, inserted] = neighbors.emplace(i.neighbor, &d); !inserted) {
      Diagnostic twice;
      twice.message =
          fmt::format("bfd_instance {} has the neighbour {} of {}; it is ignored", i.name, i.neighbor.str(), first->second->out.name);
      twice.notes.push_back({b.place(first->second->at), "that one is here"});
      b.report(std::move(twice), d.at);
      continue;
    }
    i.for_vrrp = d.vrrp_only || !d.checker_only;
    i.for_checkers = d.checker_only || !d.vrrp_only;
    usable.push_back(i);
  }
  b.model.bfd_instances = std::move(usable);
}

void finish_processes(Builder& b) {
  for (TrackProcessDraft& d : b.track_processes) {
    TrackProcess& p = d.out;
    if (p.words.empty()) {
      b.warn(d.at, fmt::format("vrrp_track_process {} has no process; it is ignored", p.name));
      continue;
    }
    if (p.quorum_max && *p.quorum_max == 0) p.quorum = 0;
    if (p.quorum_max && *p.quorum_max < p.quorum) {
      b.warn(d.quorum_at,
             fmt::format("vrrp_track_process {}: quorum_max {} is less than quorum {}; it is ignored", p.name, *p.quorum_max, p.quorum));
      p.quorum_max.reset();
    }
    p.full_command = d.full_command || p.has_params;
    b.model.track_processes.push_back(std::move(p));
  }
}

}  // namespace

void finish_track_definitions(Builder& b) {
  for (TrackFileDraft& d : b.track_files) {
    if (d.out.path.empty()) {
      b.warn(d.at, fmt::format("track_file {} has no file; it is ignored", d.out.name));
    } else {
      b.model.track_files.push_back(std::move(d.out));
    }
  }
  finish_processes(b);
  finish_bfds(b);
  for (TrackGroupDraft& d : b.track_groups) b.model.track_groups.push_back(std::move(d.out));
}

void finish_tracks(Builder& b, InstanceDraft& d) {
  resolve_all(b, d.out, d);
  if (d.out.priority != address_owner) return;
  constexpr std::string_view why = "for an address owner (priority 255)";
  drop_file_weights(b, d, why, {});
  drop_bfd_weights(b, d, why, {});
}

void finish_tracks(Builder& b, GroupDraft& d) { resolve_all(b, d.out, d); }

void drop_track_weights(Builder& b, InstanceDraft& d, std::string_view group) {
  const std::string why = fmt::format("in sync group {}", group);
  drop_file_weights(b, d, why, specify_weights);
  drop_bfd_weights(b, d, why, specify_weights);
}

}  // namespace xd::conf
