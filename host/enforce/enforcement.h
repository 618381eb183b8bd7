// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/compile/compile.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// The interface to the rules and sets in force for other rooms: block and unblock addresses, ask about an address, read
// snapshots. Each change is in force on every attachment when its call returns, or on none when it throws Error. No
// question waits for a change that is under way. Any thread may call.
class Enforcement {
 public:
  struct ChainView {
    ChainRules chain;
    std::vector<rule_counter> counts;  // by rule
    rule_counter by_default{};
    rule_counter established{};
    rule_counter blocked{};
    rule_counter dropped{};
    rule_counter non_ip{};                        // dropped as no IP
    std::array<rule_counter, CAUSES> unjudged{};  // dropped, by enum not_understood
    std::size_t chunks = 0;                       // of the tables
    std::size_t rows = 0;
    std::size_t nodes = 0;
    std::size_t bits = 0;
    BankPlace room;
  };
  struct SetView {
    std::string name;
    std::size_t entries = 0;
    std::size_t used_by_rules = 0;
  };
  // At most this many entries are named in a list of what was there.
  static constexpr std::size_t kNamedMost = 20;
  struct Added {
    std::size_t changed = 0;           // entries that the set did not have
    std::size_t renewed = 0;           // entries that have another end now
    std::vector<SetEntry> former;      // of these some, as they were
    std::size_t outlasting = 0;        // entries that stay as they are: they end later than was asked
    std::vector<SetEntry> longer;      // of these some
    std::vector<AddressRange> exempt;  // of the addresses some that are blocked, but in the set `allowed`
    // The set's content beside new entries. For the first kNamedMost of them only, as each is a search.
    std::vector<std::pair<AddressRange, AddressRange>> covered;  // by a wider entry
    std::vector<std::pair<AddressRange, std::size_t>> narrower;  // entries that a new one covers
  };
  struct Taken {
    std::size_t changed = 0;
    std::vector<AddressRange> missing;  // that were no entries of the set
    // Addresses that stay in the set, and a wider entry that covers each. At most kNamedMost, as each is a search.
    std::vector<std::pair<AddressRange, AddressRange>> staying;
  };

  // A program that enforces a chain.
  struct EnforcedAt {
    Chain chain = Chain::ingress;
    std::string attachment;  // "eth0/xdp"
    std::string failing;     // why the last changes are not in force there; empty: they are
  };

  virtual ~Enforcement() = default;

  // Adds entries to the set `blocked`, removes entries from it. An entry that is there never ends earlier by that.
  virtual Added block(std::span<const SetEntry> entries) = 0;
  virtual Taken unblock(std::span<const AddressRange> ranges) = 0;

  // Throws NotFound when there is no such set.
  virtual bool in_set(const std::string& set, const IpAddress& address) const = 0;
  bool blocked(const IpAddress& address) const { return in_set(kBlockedSet, address) && !in_set(kAllowedSet, address); }

  // The rules in force. The snapshot stays as it is while rules change.
  virtual std::shared_ptr<const ChainRules> rules(Chain chain) const = 0;
  virtual std::vector<SetView> sets() const = 0;
  // Which chains are enforced where.
  virtual std::vector<EnforcedAt> enforced() const = 0;
  // Rules with their counters. On a card each counter costs two messages: a caller that does not need the present
  // values gives an age up to which an earlier reading will do.
  virtual ChainView view(Chain chain, std::chrono::nanoseconds max_age) const = 0;
};

}  // namespace nicsentry
