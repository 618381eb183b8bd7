// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/enforcing_attachment.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

// A bank has an eighth of interval_nodes; the sets have what two banks leave.
constexpr std::uint32_t kBanksOfNodes = 8;

// Calls `write` with each run of elements that stand side by side.
template <typename Value, typename Update, typename Write>
void write_runs(const std::vector<Update>& updates, Write write) {
  std::vector<Value> run;
  for (std::size_t i = 0; i < updates.size(); ++i) {
    run.push_back(updates[i].value);
    if (i + 1 == updates.size() || updates[i + 1].index != updates[i].index + 1) {
      write(static_cast<std::uint32_t>(updates[i].index + 1 - run.size()), std::span<const Value>(run));
      run.clear();
    }
  }
}

}  // namespace

FirewallSize size_of(const FirewallMaps& maps) { return {maps.bit_count(), maps.node_count(), maps.bucket_count()}; }

BankPlace bank_place(const FirewallSize& size, unsigned bank) {
  BankPlace place;
  place.nodes = size.nodes / kBanksOfNodes;
  place.first_node = bank * place.nodes;
  place.bits = size.rule_bits / 2;
  place.first_bits = bank * place.bits;
  place.first_action = bank * ACTION_ROWS;
  return place;
}

AddressSets::Room set_room(const FirewallSize& size) {
  const std::uint32_t first = 2 * (size.nodes / kBanksOfNodes);
  AddressSets::Room room;
  room.buckets = size.address_buckets;
  room.nodes = size.nodes - first;
  room.first_node = first;
  return room;
}

EnforcingAttachment::EnforcingAttachment(std::shared_ptr<FirewallMaps> maps, Chain chain, std::string name)
    : maps_(std::move(maps)),
      chain_(chain),
      name_(std::move(name)),
      control_(maps_->read_control()),
      untouched_(std::memcmp(&control_, std::array<char, sizeof(control_)>{}.data(), sizeof(control_)) == 0) {}

void EnforcingAttachment::fill(std::shared_ptr<const InstalledChain> chain) {
  const unsigned number = idle_bank();
  const BankPlace place = bank_place(size_of(*maps_), number);
  const RuleTables& tables = chain->compiled.tables;
  maps_->write_nodes(place.first_node, tables.nodes);
  maps_->write_bits(place.first_bits, tables.bits);
  maps_->write_actions(place.first_action, tables.actions);
  write_limits(number, *chain);
  if (maps_->counts_hits()) {
    std::vector<std::uint32_t> all(chain->classes.size());
    std::iota(all.begin(), all.end(), 0U);
    maps_->write_hit_names(number, chain->set_names);
    write_hit_sets(number, *chain, all, chain->classes);
  }
  maps_->write_banks(number, tables.banks);
  installed_.at(number) = std::move(chain);
}

// A rule that is in the other bank with the same limit goes on with its buckets.
void EnforcingAttachment::write_limits(unsigned bank, const InstalledChain& chain) {
  if (!maps_->knows_limits()) {
    return;
  }
  std::vector<std::array<limit, 2>> limits = chain.compiled.tables.limits;
  if (!maps_->keeps_limits()) {
    maps_->write_limits(bank, limits);
    return;
  }
  if (last_serial_ == 0 && !chain.compiled.limit_rules.empty()) {
    maps_->clear_limited();
  }
  std::vector<LimitTable> tables;
  for (const std::uint32_t number : chain.compiled.limit_rules) {
    const Rule& rule = chain.chain.rules.at(number);
    const auto same = [&rule](const LimitTable& known) {
      return known.counter == rule.counter && known.limit == rule.limit;
    };
    const std::vector<LimitTable>& others = limit_tables_.at(1 - bank);
    const auto known = std::find_if(others.begin(), others.end(), same);
    tables.push_back(known != others.end()
                         ? *known
                         : LimitTable{rule.counter, rule.limit.value(),
                                      std::make_shared<UniqueFd>(FirewallMaps::make_limit_table()), ++last_serial_});
    for (limit& family : limits.at(tables.size() - 1)) {
      family.serial = tables.back().serial;
    }
  }
  maps_->write_limits(bank, limits);
  std::vector<LimitTable>& places = limit_tables_.at(bank);
  const std::vector<LimitTable> former = std::exchange(places, {});  // not known any more if a write fails
  for (std::uint32_t place = 0; place < LIMITS; ++place) {
    if (place >= tables.size()) {
      maps_->clear_limit_table(bank, place);  // a former run's, too
    } else if (place >= former.size() || former[place].table != tables[place].table) {
      maps_->put_limit_table(bank, place, *tables[place].table);
    }
  }
  places = std::move(tables);
}

void EnforcingAttachment::write_hit_sets(unsigned bank, const InstalledChain& chain,
                                         const std::vector<std::uint32_t>& classes, const std::vector<SetMask>& masks) {
  struct Written {
    std::uint32_t index = 0;
    std::uint64_t value = 0;
  };
  std::vector<std::uint32_t> sorted = classes;
  std::sort(sorted.begin(), sorted.end());
  std::array<std::vector<Written>, HIT_PLACES> places;
  for (const std::uint32_t set_class : sorted) {
    const auto counting = counting_sets(masks.at(set_class), chain.asked);
    for (unsigned place = 0; place < HIT_PLACES; ++place) {
      places.at(place).push_back({set_class, counting.at(place)});
    }
  }
  for (unsigned place = 0; place < HIT_PLACES; ++place) {
    write_runs<std::uint64_t>(places.at(place), [&](std::uint32_t first, std::span<const std::uint64_t> values) {
      maps_->write_hit_sets(bank, place, first, values);
    });
  }
}

std::multimap<std::uint32_t, FirewallMaps::Limited> EnforcingAttachment::limited() const {
  std::multimap<std::uint32_t, FirewallMaps::Limited> found;
  const std::vector<LimitTable>& tables = limit_tables_.at(bank());
  if (tables.empty()) {
    return found;
  }
  for (const FirewallMaps::Limited& one : maps_->read_limited()) {
    const auto table = std::find_if(tables.begin(), tables.end(),
                                    [&one](const LimitTable& known) { return known.serial == one.key.serial; });
    if (table != tables.end()) {
      found.emplace(table->counter, one);
    }
  }
  return found;
}

void EnforcingAttachment::flip() {
  const unsigned number = idle_bank();
  struct fw_config next = control_;
  next.config = FIREWALL_ON | (number != 0 ? FIREWALL_BANK : 0);
  maps_->write_control(next);
  control_ = next;
}

AddressSets::InForce EnforcingAttachment::sets_in_force() const {
  AddressSets::InForce found{control_, maps_->read_all_buckets(), {}};
  found.control.config = 0;
  const AddressSets::Room room = set_room(size_of(*maps_));
  std::vector<bool> seen(room.nodes);
  std::vector<std::uint32_t> ways(std::begin(control_.set_roots), std::end(control_.set_roots));
  while (!ways.empty()) {
    const std::uint32_t way = ways.back();
    ways.pop_back();
    const std::uint32_t number = way & INTERVAL_VALUE;
    if ((way & INTERVAL_LEAF) != 0) {
      continue;
    }
    if (number < room.first_node || number - room.first_node >= room.nodes) {
      throw Error("node " + std::to_string(number) + " is no node of address sets");
    }
    if (seen[number - room.first_node]) {
      continue;
    }
    seen[number - room.first_node] = true;
    found.nodes.push_back(number);
    const interval_node node = maps_->read_node(number);
    std::uint32_t next = node.next[0];
    ways.push_back(next);
    for (unsigned n = 1; n <= NODE_KEYS && node.next[n] != 0; ++n) {
      next ^= node.next[n];
      ways.push_back(next);
    }
  }
  return found;
}

void EnforcingAttachment::write_classes(const std::vector<std::uint32_t>& classes, const std::vector<SetMask>& masks) {
  const auto& chain = installed_.at(bank());
  if (chain == nullptr) {
    return;
  }
  if (maps_->counts_hits()) {
    write_hit_sets(bank(), *chain, classes, masks);
  }
  for (const std::uint32_t set_class : classes) {
    write_runs<rule_chunk>(
        class_rows(chain->compiled, set_class, masks.at(set_class)),
        [this](std::uint32_t first, std::span<const rule_chunk> values) { maps_->write_bits(first, values); });
  }
}

void EnforcingAttachment::perform(const SetUpdate::Step& step) {
  write_runs<interval_node>(step.nodes, [this](std::uint32_t first, std::span<const interval_node> values) {
    maps_->write_nodes(first, values);
  });
  write_runs<address_bucket>(step.buckets, [this](std::uint32_t first, std::span<const address_bucket> values) {
    maps_->write_buckets(first, values);
  });
  if (step.control) {
    struct fw_config next = *step.control;
    next.config = control_.config;
    maps_->write_control(next);
    control_ = next;
  }
}

}  // namespace nicsentry
