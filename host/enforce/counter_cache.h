// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "bpf_offload/types.h"
#include "host/base/timestamp.h"
#include "host/datapath/firewall_maps.h"
#include "host/enforce/installed_chain.h"
#include "host/enforce/rule_store.h"

namespace nicsentry {

// Reads the counters of the rules in force, summed over a chain's attachments. On a card each counter costs two
// messages: maps are read without any lock that a change of rules takes. Readings wait for each other, so that callers
// who list rules at the same time do not multiply the messages. Any thread may call.
class CounterCache {
 public:
  using ReadCounters =
      std::function<std::vector<rule_counter>(const FirewallMaps& maps, std::span<const std::uint32_t> ids)>;
  // `now` stamps readings. `rules` must outlive this.
  CounterCache(const RuleStore& rules, ReadCounters read, std::function<TimestampNs()> now);

  struct Reading {
    std::shared_ptr<const InstalledChain> installed;
    std::vector<rule_counter> counts;  // as counters_of(installed->chain)
    TimestampNs read_ns = 0;
  };
  // The last reading if it is not older than `max_age` and the rules are the same since; else a new one. Throws
  // SystemError.
  std::shared_ptr<const Reading> read(Chain chain, std::chrono::nanoseconds max_age);
  // All counters of rules in force begin at 0. Reads them as read() does. Throws SystemError.
  void reset();

  // The remaining calls are part of a change.
  void add(std::shared_ptr<FirewallMaps> maps, Chain chain);
  void remove(const FirewallMaps* maps);
  // These counters of an attachment begin at 0. No rule in force has them, or the attachment is new. Throws
  // SystemError.
  void restart(const FirewallMaps* maps, const std::vector<std::uint32_t>& ids);

 private:
  // An attachment's counters. `maps` and `chain` do not change.
  struct Source {
    std::shared_ptr<FirewallMaps> maps;
    Chain chain;
    std::vector<rule_counter> starts = std::vector<rule_counter>(RULE_COUNTERS);  // what each showed when it began at 0
    std::vector<std::uint64_t> restarts = std::vector<std::uint64_t>(RULE_COUNTERS);  // and at which restart that was
  };
  using Sources = std::vector<std::shared_ptr<Source>>;
  struct Raw {
    std::shared_ptr<Source> source;
    std::vector<rule_counter> values;
  };

  Sources sources(Chain chain) const;
  std::uint64_t restarts() const;
  std::vector<Raw> read_raw(Chain chain, const std::vector<std::uint32_t>& ids) const;
  bool add_up(const std::vector<Raw>& raw, const std::vector<std::uint32_t>& ids, std::uint64_t since,
              Reading& reading) const;

  const RuleStore& rules_;
  ReadCounters read_;
  std::function<TimestampNs()> now_;
  std::mutex reading_;        // held while maps are read for a list; no change takes it
  mutable std::mutex mutex_;  // of what follows; never held while maps are read
  Sources sources_;
  std::uint64_t restarts_ = 0;
  std::array<std::shared_ptr<const Reading>, 2> last_;
};

}  // namespace nicsentry
