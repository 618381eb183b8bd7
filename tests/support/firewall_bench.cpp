// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/firewall_bench.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry::testing {
namespace {

constexpr unsigned kBucketBits = 6;

bpf_object* open_object(const std::string& name) {
  const char* directory = std::getenv("NICSENTRY_BPF_DIR");
  const std::string path = name.find('/') != std::string::npos
                               ? name
                               : std::string(directory != nullptr ? directory : "build/bpf_offload") + "/" + name;
  bpf_object* object = bpf_object__open_file(path.c_str(), nullptr);
  if (object == nullptr) {
    throw SystemError(errno, "opening " + path);
  }
  return object;
}

}  // namespace

struct FirewallBench::Object {
  bpf_object* object = nullptr;
  int program = -1;
  std::map<std::string, int> maps;
  std::vector<UniqueFd> tables;  // of limits

  ~Object() { bpf_object__close(object); }
};

FirewallBench::FirewallBench(const std::string& name, const FirewallRoom& room)
    : room_(room), object_(std::make_unique<Object>()) {
  libbpf_set_print(nullptr);
  object_->object = open_object(name);
  const auto resize = [this](const char* map, std::uint32_t entries) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object_->object, map), entries);
  };
  resize("sessions", 1U << kBucketBits);
  resize("counters", 64);
  resize("rule_bits", room.bits);
  resize("interval_nodes", 2 * kBankNodes + room.set_nodes);
  resize("set_addresses", room.buckets);
  if (bpf_map* answers = bpf_object__find_map_by_name(object_->object, "answers"); answers != nullptr) {
    bpf_map__set_max_entries(answers, room.expectations);
  }
  if (bpf_object__load(object_->object) != 0) {
    throw SystemError(errno, "loading " + name);
  }
  object_->program = bpf_program__fd(bpf_object__next_program(object_->object, nullptr));
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_->object) { object_->maps[bpf_map__name(map)] = bpf_map__fd(map); }
  drop_verdict_ = name.ends_with("_tc.o") ? TC_ACT_SHOT : XDP_DROP;
  struct control now {};
  now.epoch = 1;
  now.config = kBucketBits << CONFIG_BUCKET_BITS_SHIFT;  // no events
  std::copy(keys_.begin(), keys_.end(), now.keys);
  write(CONTROL_MAP_NAME, 0, &now);
}

FirewallBench::~FirewallBench() = default;

int FirewallBench::program() const { return object_->program; }

bool FirewallBench::has_egress() const { return drop_verdict_ == TC_ACT_SHOT; }

BankPlace FirewallBench::place(unsigned bank) const {
  return {bank * kBankNodes, kBankNodes, bank * (room_.bits / 2), room_.bits / 2, bank * ACTION_ROWS};
}

void FirewallBench::write(const char* map, std::uint32_t index, const void* value) {
  if (bpf_map_update_elem(object_->maps.at(map), &index, value, BPF_ANY) != 0) {
    throw SystemError(errno, std::string("writing element ") + std::to_string(index) + " of " + map);
  }
}

void FirewallBench::fill(unsigned bank, const RuleTables& tables) {
  const BankPlace where = place(bank);
  for (std::uint32_t i = 0; i < tables.nodes.size(); ++i) {
    write("interval_nodes", where.first_node + i, &tables.nodes[i]);
  }
  for (std::uint32_t i = 0; i < tables.bits.size(); ++i) {
    write("rule_bits", where.first_bits + i, &tables.bits[i]);
  }
  for (std::uint32_t i = 0; i < tables.actions.size(); ++i) {
    write("rule_actions", where.first_action + i, &tables.actions[i]);
  }
  for (std::uint32_t number = 0; number < tables.limits.size(); ++number) {
    for (std::uint32_t family = 0; family < 2; ++family) {
      write("limits", (bank * LIMITS + number) * 2 + family, &tables.limits[number][family]);
    }
  }
  for (std::uint32_t family = 0; family < 2; ++family) {
    write("rule_banks", bank * 2 + family, &tables.banks[family]);
  }
}

int FirewallBench::put_limit_table(unsigned bank, unsigned number, int table) {
  const auto place = static_cast<std::uint32_t>(bank * LIMITS + number);
  if (table < 0) {
    table = bpf_map_create(BPF_MAP_TYPE_ARRAY, "limit_table", sizeof(std::uint32_t), sizeof(limit_buckets), LIMIT_SETS,
                           nullptr);
    if (table < 0) {
      throw SystemError(errno, "making a table of buckets");
    }
    object_->tables.emplace_back(table);
  }
  write("limit_tables", place, &table);
  return table;
}

void FirewallBench::set_all_times(int table, std::uint64_t time) {
  limit_buckets all{};
  std::fill(std::begin(all.times), std::end(all.times), time);
  for (std::uint32_t index = 0; index < LIMIT_SETS; ++index) {
    if (bpf_map_update_elem(table, &index, &all, BPF_ANY) != 0) {
      throw SystemError(errno, "writing a table of buckets");
    }
  }
}

void FirewallBench::set_clock(std::uint64_t ns) { write("injected_clock", 0, &ns); }

void FirewallBench::use(unsigned bank) {
  control_.config = FIREWALL_ON | (bank != 0 ? FIREWALL_BANK : 0U);
  write("fw_control", 0, &control_);
}

void FirewallBench::apply(const SetUpdate& update) {
  for (const SetUpdate::Step& step : update.steps) {
    for (const auto& node : step.nodes) {
      write("interval_nodes", node.index, &node.value);
    }
    for (const auto& bucket : step.buckets) {
      write("set_addresses", bucket.index, &bucket.value);
    }
    if (step.control) {
      const std::uint32_t config = control_.config;
      control_ = *step.control;
      control_.config = config;
      write("fw_control", 0, &control_);
    }
  }
}

void FirewallBench::write_bits(const std::vector<BitsWrite>& writes) {
  for (const BitsWrite& one : writes) {
    write("rule_bits", one.index, &one.value);
  }
}

void FirewallBench::know(const SessionKey& key, std::uint32_t states) {
  const Fingerprint name = fingerprint(key, keys_);
  session_bucket bucket{};
  const auto words = name.words();
  std::copy(words.begin(), words.end(), bucket.slot[1].fingerprint);
  bucket.slot[1].state = SLOT_VALID | states << SLOT_STATE_SHIFT;
  write("sessions", candidate_buckets(name, kBucketBits).second, &bucket);
}

void FirewallBench::forget(const SessionKey& key) {
  const session_bucket none{};
  write("sessions", candidate_buckets(fingerprint(key, keys_), kBucketBits).second, &none);
}

bool FirewallBench::drops(std::span<const std::uint8_t> frame) {
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<__u32>(frame.size());
  options.repeat = 1;
  if (bpf_prog_test_run_opts(object_->program, &options) != 0) {
    throw SystemError(errno, "running the program");
  }
  return options.retval == drop_verdict_;
}

std::vector<rule_counter> FirewallBench::counters(std::uint32_t ids) const {
  std::vector<rule_counter> halves(2 * std::size_t{ids});
  std::vector<std::uint32_t> keys(halves.size());
  std::uint32_t next = 0;
  auto count = static_cast<std::uint32_t>(halves.size());
  if (bpf_map_lookup_batch(object_->maps.at("rule_counters"), nullptr, &next, keys.data(), halves.data(), &count,
                           nullptr) != 0 ||
      count != halves.size()) {
    throw SystemError(errno, "reading the rules' counters");
  }
  std::vector<rule_counter> sums(ids);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    sums.at(keys.at(i) / 2).packets += halves[i].packets;
    sums.at(keys.at(i) / 2).bytes += halves[i].bytes;
  }
  return sums;
}

}  // namespace nicsentry::testing
