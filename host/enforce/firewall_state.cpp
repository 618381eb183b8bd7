// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/firewall_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/enforce/state_file.h"
#include "host/enforce/state_json.h"
#include "host/rules/language/ruleset_text.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

void write_format(const std::filesystem::path& path) {
  PendingFile file(path, PendingFile::Kind::create, kModePrivate);
  file.write(std::to_string(kStateFormat) + "\n");
  file.sync();
  file.finish();
  file.publish();
}

void check_format(const std::filesystem::path& path) {
  std::string text = read_state_file(path);
  text.resize(std::min(text.find('\n'), text.size()));
  const auto format = parse_number<std::int64_t>(text);
  if (!format || *format < 1) {
    throw Error(path.string() + ": read \"" + text.substr(0, kExcerpt) + "\", allowed is 1 to " +
                std::to_string(kStateFormat));
  }
  try {
    check_not_newer(*format);
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
}

std::vector<std::string> undo_lines(const SetUndo& part) {
  std::vector<std::string> lines;
  for (const AddressRange& range : part.remove) {
    lines.push_back(changed_line({false, {range, std::nullopt}}));
  }
  for (const SetEntry& entry : part.put) {
    lines.push_back(changed_line({true, entry}));
  }
  return lines;
}

void write_undo(const std::filesystem::path& path, const Undo& undo) {
  ordered_json chains = ordered_json::object();
  for (const ChainUndo& part : undo.chains) {
    chains[chain_name(part.chain)] = ruleset_json(part.before);
  }
  ordered_json sets = ordered_json::object();
  ordered_json made = ordered_json::array();
  for (const SetUndo& part : undo.sets) {
    sets[part.set] = undo_lines(part);
    if (part.made) {
      made.push_back(part.set);
    }
  }
  save_json(path, {{"version", kStateFormat},
                   {"due_ns", undo.due_ns},
                   {"chains", std::move(chains)},
                   {"sets", std::move(sets)},
                   {"made", std::move(made)}});
}

// A change that stays must not be taken back after a loss of power.
void remove_for_good(const std::filesystem::path& path) {
  remove_file(path);
  sync_directory(path.parent_path());
}

// The same by every path and in every mount namespace.
std::string identity_of(const std::filesystem::path& directory) {
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) {
    throw SystemError(errno, "looking at " + directory.string());
  }
  return std::to_string(status.st_dev) + "-" + std::to_string(status.st_ino);
}

bool try_to_remove(const std::filesystem::path& path) {
  std::error_code failure;
  std::filesystem::remove(path, failure);
  return !failure;
}

struct SavedUndo {
  json chains = json::object();
  std::map<std::string, std::vector<std::string>> sets;
  std::set<std::string> made;  // of these sets, by the change
};

// A file of an earlier build is of one chain, or of one set.
SavedUndo read_undo(const json& saved) {
  SavedUndo undo;
  if (saved.contains("chain")) {
    check_fields(saved, {"version", "due_ns", "chain", "before"}, "");
    undo.chains[saved.at("chain").get<std::string>()] = saved.at("before");
  } else if (saved.contains("set")) {
    check_fields(saved, {"version", "due_ns", "set", "lines"}, "");
    undo.sets[saved.at("set").get<std::string>()] = saved.at("lines").get<std::vector<std::string>>();
  } else {
    check_fields(saved, {"version", "due_ns", "chains", "sets", "made"}, "");
    undo.chains = saved.at("chains");
    saved.at("sets").get_to(undo.sets);
    saved.at("made").get_to(undo.made);
  }
  if (!undo.chains.is_object()) {
    throw Error("chains: read " + undo.chains.dump().substr(0, kExcerpt) + ", allowed is an object");
  }
  for (const auto& chain : undo.chains.items()) {
    if (chain.key() != chain_name(Chain::ingress) && chain.key() != chain_name(Chain::egress)) {
      throw Error("chain: read \"" + chain.key().substr(0, kExcerpt) + "\", allowed is ingress or egress");
    }
  }
  return undo;
}

}  // namespace

FirewallState::FirewallState(const std::filesystem::path& directory, const Warning& warning,
                             const std::optional<std::filesystem::path>& memory)
    : rules_path_(directory / "rules.json"),
      classes_path_(directory / "classes.json"),
      undo_path_(directory / "undo.json"),
      unfinished_path_(directory / "unfinished.json"),
      sets_(directory / "sets") {
  if (prepare_private_directory(directory)) {
    warning("the state directory " + directory.string() +
            " could be written by others until now; look at what it has: nicsentry rules show, sets list");
  }
  prepare_private_directory(directory / "sets");
  const auto lock = directory / "lock";
  lock_ = UniqueFd(open(lock.c_str(), O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock_) {
    throw SystemError(errno, "opening " + lock.string());
  }
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error("EBUSY: another controller has the state directory " + directory.string());
  }
  if (memory) {
    classes_in_memory_ = *memory / ("sets-" + identity_of(directory) + ".json");
  }
  if (const auto format = directory / "format"; stands_at(format)) {
    check_format(format);
    if (!stands_at(rules_path_)) {
      warning(rules_path_.string() + " is missing: both chains begin without rules");
    }
  } else {
    begin(format);
  }
  for (const std::string& name : sets_.missing()) {
    warning((directory / "sets" / name).string() + ".netset is missing: the set '" + name + "' is not there any more");
  }
  for (const std::filesystem::path& orphan : sets_.orphans()) {
    warning(orphan.string() + ": changes of a set whose file is missing; they are left out");
  }
}

// From here on a missing file is one that was lost. Where a full disk keeps one from being written, a later start
// writes it: rules come into force all the same.
void FirewallState::begin(const std::filesystem::path& format) const {
  try {
    if (!stands_at(rules_path_)) {
      save_rules({}, {});
    }
    write_format(format);
  } catch (const SystemError&) {  // NOLINT(bugprone-empty-catch)
  }
}

FirewallState::Chains FirewallState::load_rules(const std::vector<std::string>& set_names, TimestampNs now_ns) const {
  Chains chains;
  chains.found = load_json(rules_path_, [&](const json& saved) {
    check_fields(saved, {"version", "ingress", "egress"}, "");
    const auto format = saved.at("version").get<std::int64_t>();
    chains.ingress = parse_chain(saved.at("ingress"), format, "ingress", set_names, now_ns);
    chains.egress = parse_chain(saved.at("egress"), format, "egress", set_names, now_ns);
  });
  return chains;
}

std::optional<FirewallState::Classes> FirewallState::load_classes() const {
  Classes classes;
  const auto read = [&classes](const json& saved) {
    check_fields(saved, {"version", "keys", "classes"}, "");
    saved.at("keys").get_to(classes.keys);
    saved.at("classes").get_to(classes.names);
  };
  const bool found = load_json(classes_path_, read) || (classes_in_memory_ && load_json(*classes_in_memory_, read));
  return found ? std::optional(std::move(classes)) : std::nullopt;
}

// A file that is not of these classes must not stay: who continues with it takes addresses for those of other sets.
FirewallState::Saved FirewallState::save_classes(const Classes& classes) const {
  const ordered_json saved{{"version", kStateFormat}, {"keys", classes.keys}, {"classes", classes.names}};
  try {
    save_json(classes_path_, saved);
  } catch (const Error&) {
    if (save_classes_in_memory(saved)) {
      return Saved::in_memory;
    }
    throw;
  }
  if (classes_in_memory_) {
    try_to_remove(*classes_in_memory_);  // it is not read while the other one stands
  }
  return Saved::on_disk;
}

// Only this file is left then; where that fails, none.
bool FirewallState::save_classes_in_memory(const ordered_json& classes) const {
  bool saved = false;
  if (classes_in_memory_) {
    try {
      save_json(*classes_in_memory_, classes);
      saved = true;
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the directory's error matters more
    }
  }
  saved = try_to_remove(classes_path_) && saved;
  if (!saved && classes_in_memory_) {
    try_to_remove(*classes_in_memory_);
  }
  return saved;
}

void FirewallState::save_rules(const ChainRules& ingress, const ChainRules& egress) const {
  save_json(rules_path_,
            {{"version", kStateFormat}, {"ingress", ruleset_json(ingress)}, {"egress", ruleset_json(egress)}});
}

void FirewallState::save_undo(const Undo& undo) const { write_undo(undo_path_, undo); }

void FirewallState::forget_undo() const { remove_for_good(undo_path_); }

void FirewallState::save_unfinished(const Undo& undo) const { write_undo(unfinished_path_, undo); }

void FirewallState::forget_unfinished() const { remove_for_good(unfinished_path_); }

std::vector<std::string> FirewallState::take_back(TimestampNs now_ns) {
  std::vector<std::string> taken;
  if (const auto what = take_back(unfinished_path_, now_ns)) {
    taken.push_back(*what + " was not finished before the last run ended; it is taken back");
  }
  if (const auto what = take_back(undo_path_, now_ns)) {
    taken.push_back(*what + " was not confirmed before the last run ended; it is taken back");
  }
  return taken;
}

// It is there until all is as before, so that it can be done again.
std::optional<std::string> FirewallState::take_back(const std::filesystem::path& path, TimestampNs now_ns) {
  Undo undo;
  const bool found = load_json(path, [&](const json& saved) {
    const SavedUndo parts = read_undo(saved);
    std::vector<std::string> known = sets_.names();
    known.emplace_back(kBlockedSet);
    known.emplace_back(kAllowedSet);
    for (const auto& chain : parts.chains.items()) {
      parse_chain(chain.value(), saved.at("version").get<std::int64_t>(), "before", known, now_ns);
      undo.chains.push_back({chain.key() == chain_name(Chain::ingress) ? Chain::ingress : Chain::egress, {}});
    }
    put_back_chains(parts.chains);  // first, as they name no set that goes
    for (const auto& [set, lines] : parts.sets) {
      undo.sets.push_back({set, false, {}, {}});
      if (sets_.put_back(set, lines, now_ns) == 0 && parts.made.contains(set)) {
        sets_.remove(set);
      }
    }
  });
  if (!found) {
    return std::nullopt;
  }
  remove_for_good(path);
  return undo.what();
}

// The content is checked when the rules are loaded.
void FirewallState::put_back_chains(const json& chains) const {
  ordered_json rules;
  load_json(rules_path_, [&rules](const json& saved) {
    check_fields(saved, {"version", "ingress", "egress"}, "");
    if (saved.at("version") == kStateFormat) {
      rules = {{"version", saved.at("version")}, {"ingress", saved.at("ingress")}, {"egress", saved.at("egress")}};
    }
  });
  if (rules.empty() || chains.empty()) {
    return;  // the change did not get as far as the file, or has no rules
  }
  for (const auto& chain : chains.items()) {
    rules[chain.key()] = chain.value();
  }
  save_json(rules_path_, rules);
}

}  // namespace nicsentry
