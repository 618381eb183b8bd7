// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/reload.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "host/app/firewall_setup.h"

namespace nicsentry {
namespace {

// Standard input was read at the start, and is no file to read again.
std::optional<std::string> content_of_rules(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (path == "-" || !file) {
    return std::nullopt;
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string restart_needed(const config::Setting& now, const config::Setting& wanted) {
  return "reload: " + wanted.name + " stays " + config::value_text(now) + ": it needs a restart to become " +
         config::value_text(wanted) + " (" + wanted.source + ")";
}

}  // namespace

Reload::Reload(const DaemonOptions& running, const Messages& messages) : messages_(messages), options_(running) {
  for (const auto& path : {running.rules, running.egress_rules}) {
    if (const auto content = path ? content_of_rules(*path) : std::nullopt) {
      applied_[path->string()] = *content;
    }
  }
}

void Reload::note_rules(const Firewall* firewall, std::function<void()> replaced) {
  told_ = std::move(replaced);
  if (firewall != nullptr && (options_.rules || options_.egress_rules)) {
    replaced_.note(*firewall);
  }
}

void Reload::begin(Firewall* firewall, std::function<void(const DaemonOptions&)> done) {
  if (asked_++ != 0) {
    return;
  }
  wait();  // the former thread is done: it ends
  job_ = std::async(std::launch::async, [this, firewall, done = std::move(done)] {
    unsigned seen = 0;
    do {
      seen = asked_;
      work(firewall);
      done(options_);
    } while (!asked_.compare_exchange_strong(seen, 0));
  });
}

void Reload::wait() {
  if (job_.valid()) {
    job_.wait();
  }
}

void Reload::work(Firewall* firewall) {
  if (!options_.reread) {
    return;
  }
  try {
    const DaemonOptions fresh = options_.reread();
    take_settings(fresh);
    take_rules(firewall, fresh);
  } catch (const std::exception& error) {
    messages_.error(std::string("reload: nothing was changed: ") + error.what());
  }
}

void Reload::take_settings(const DaemonOptions& fresh) {
  for (config::Setting& now : options_.settings) {
    const auto wanted = std::find_if(fresh.settings.begin(), fresh.settings.end(),
                                     [&now](const config::Setting& one) { return one.name == now.name; });
    if (wanted == fresh.settings.end()) {
      continue;
    }
    if (wanted->value == now.value || wanted->reload) {
      if (wanted->value != now.value) {
        messages_.info("reload: " + now.name + " is " + config::value_text(*wanted) + " (" + wanted->source + ")");
      }
      now = *wanted;
    } else {
      messages_.warning(restart_needed(now, *wanted));
    }
  }
  options_.log_rate = fresh.log_rate;
  options_.yes = fresh.yes;
}

// Rules that commands have added since stay, unless a file has changed.
void Reload::take_rules(Firewall* firewall, const DaemonOptions& fresh) {
  const bool asked = fresh.rules || fresh.egress_rules;
  if (firewall == nullptr) {
    if (asked) {
      messages_.warning("reload: this run has no firewall: files of rules need a restart");
    }
    return;
  }
  DaemonOptions changed = options_;
  changed.rules.reset();
  changed.egress_rules.reset();
  std::map<std::string, std::string> contents;
  const auto look = [this, &contents](const std::optional<std::filesystem::path>& path,
                                      std::optional<std::filesystem::path>& into,
                                      const std::optional<std::filesystem::path>& former) {
    if (!path || *path == "-") {
      return;
    }
    const auto content = content_of_rules(*path);
    const auto known = applied_.find(path->string());
    if (!content || former != path || known == applied_.end() || known->second != *content) {
      into = path;  // one that cannot be read is reported by whoever applies it
      contents[path->string()] = content.value_or("");
    }
  };
  look(fresh.rules, changed.rules, options_.rules);
  look(fresh.egress_rules, changed.egress_rules, options_.egress_rules);
  if (!changed.rules && !changed.egress_rules) {
    options_.rules = fresh.rules;
    options_.egress_rules = fresh.egress_rules;
    return;
  }
  const ReplacedChanges::Before before = replaced_.before(*firewall);
  try {
    apply_rule_files(*firewall, changed);
  } catch (const std::exception& error) {
    messages_.error(std::string("reload: the rules in force stay: ") + error.what());
    return;
  }
  for (const auto& path : {changed.rules, changed.egress_rules}) {
    if (path) {
      messages_.info("reload: the rules of " + path->string() + " are in force");
    }
  }
  if (const std::string lost = replaced_.lost(before, *firewall); !lost.empty()) {
    messages_.warning("reload: the files replaced what commands had changed since: " + lost +
                      "; to keep such changes, write them to the file before a reload: nicsentry rules export > FILE");
  }
  replaced_.note(*firewall);
  if (told_) {
    told_();
  }
  applied_.merge(contents);
  for (auto& [path, content] : contents) {  // those that had one before
    applied_[path] = std::move(content);
  }
  options_.rules = fresh.rules;
  options_.egress_rules = fresh.egress_rules;
}

}  // namespace nicsentry
