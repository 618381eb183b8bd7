// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/firewall_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/enforce/state_json.h"

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
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "reading " + path.string());
  }
  std::string text;
  std::getline(file, text);
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

}  // namespace

FirewallState::FirewallState(const std::filesystem::path& directory, const Warning& warning)
    : rules_path_(directory / "rules.json"),
      classes_path_(directory / "classes.json"),
      undo_path_(directory / "undo.json"),
      sets_(directory / "sets") {
  if (prepare_private_directory(directory)) {
    warning("the state directory " + directory.string() +
            " could be written by others until now; look at what it has: nicsentry rules show, sets list");
  }
  prepare_private_directory(directory / "sets");
  const auto lock = directory / "lock";
  lock_ = UniqueFd(open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock_) {
    throw SystemError(errno, "opening " + lock.string());
  }
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error("EBUSY: another controller has the state directory " + directory.string());
  }
  if (const auto format = directory / "format"; std::filesystem::exists(format)) {
    check_format(format);
    if (!std::filesystem::exists(rules_path_)) {
      warning(rules_path_.string() + " is missing: both chains begin without rules");
    }
  } else {
    begin(format);
  }
  for (const std::filesystem::path& orphan : sets_.orphans()) {
    warning(orphan.string() + ": changes of a set whose file is missing; they are left out");
  }
}

// From here on a missing file is one that was lost. Where a full disk keeps one from being written, a later start
// writes it: rules come into force all the same.
void FirewallState::begin(const std::filesystem::path& format) const {
  try {
    if (!std::filesystem::exists(rules_path_)) {
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
  const bool found = load_json(classes_path_, [&classes](const json& saved) {
    check_fields(saved, {"version", "keys", "classes"}, "");
    saved.at("keys").get_to(classes.keys);
    saved.at("classes").get_to(classes.names);
  });
  return found ? std::optional(std::move(classes)) : std::nullopt;
}

void FirewallState::save_classes(const Classes& classes) const {
  save_json(classes_path_, {{"version", kStateFormat}, {"keys", classes.keys}, {"classes", classes.names}});
}

void FirewallState::forget_classes() const {
  std::error_code ignored;
  std::filesystem::remove(classes_path_, ignored);
}

void FirewallState::save_rules(const ChainRules& ingress, const ChainRules& egress) const {
  save_json(rules_path_, {{"version", kStateFormat}, {"ingress", chain_json(ingress)}, {"egress", chain_json(egress)}});
}

void FirewallState::save_undo(const Undo& undo) const {
  ordered_json saved{{"version", kStateFormat}, {"due_ns", undo.due_ns}};
  if (undo.chain) {
    saved["chain"] = chain_name(undo.chain->chain);
    saved["before"] = chain_json(undo.chain->before);
  } else {
    ordered_json lines = ordered_json::array();
    for (const AddressRange& range : undo.set->remove) {
      lines.push_back(changed_line({false, {range, std::nullopt}}));
    }
    for (const SetEntry& entry : undo.set->put) {
      lines.push_back(changed_line({true, entry}));
    }
    saved["set"] = undo.set->set;
    saved["lines"] = std::move(lines);
  }
  save_json(undo_path_, saved);
}

void FirewallState::forget_undo() const {
  remove_file(undo_path_);
  sync_directory(undo_path_.parent_path());  // a confirmed change must not be taken back after a loss of power
}

std::optional<std::string> FirewallState::take_back_unconfirmed(TimestampNs now_ns) {
  Undo undo;
  const bool found = load_json(undo_path_, [&](const json& saved) {
    if (saved.contains("chain")) {
      check_fields(saved, {"version", "due_ns", "chain", "before"}, "");
      if (saved.at("chain") != chain_name(Chain::ingress) && saved.at("chain") != chain_name(Chain::egress)) {
        throw Error("chain: read " + saved.at("chain").dump().substr(0, kExcerpt) + ", allowed is ingress or egress");
      }
      std::vector<std::string> known = sets_.names();
      known.emplace_back(kBlockedSet);
      known.emplace_back(kAllowedSet);
      parse_chain(saved.at("before"), saved.at("version").get<std::int64_t>(), "before", known, now_ns);
      put_back_chain(saved);
      undo.chain.emplace().chain = saved.at("chain") == chain_name(Chain::ingress) ? Chain::ingress : Chain::egress;
    } else {
      check_fields(saved, {"version", "due_ns", "set", "lines"}, "");
      sets_.put_back(saved.at("set").get<std::string>(), saved.at("lines").get<std::vector<std::string>>(), now_ns);
      undo.set.emplace().set = saved.at("set").get<std::string>();
    }
  });
  if (!found) {
    return std::nullopt;
  }
  forget_undo();
  return undo.what() + " was not confirmed before the last run ended; it is taken back";
}

// What it says is looked at when the rules are loaded.
void FirewallState::put_back_chain(const json& undo) const {
  ordered_json rules;
  load_json(rules_path_, [&rules](const json& saved) {
    check_fields(saved, {"version", "ingress", "egress"}, "");
    if (saved.at("version") == kStateFormat) {
      rules = {{"version", saved.at("version")}, {"ingress", saved.at("ingress")}, {"egress", saved.at("egress")}};
    }
  });
  if (!rules.empty()) {  // else the change did not get as far as the file
    rules[undo.at("chain").get<std::string>()] = undo.at("before");
    save_json(rules_path_, rules);
  }
}

}  // namespace nicsentry
