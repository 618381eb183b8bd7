// SPDX-License-Identifier: GPL-2.0-or-later
// Measures what the firewall costs for each packet in the kernel, by numbers of rules and of addresses in sets. Runs
// side by side with XDP_PASS (BPF_PROG_TEST_RUN). bench/firewall_beside_nft.sh compares it with nft over a veth pair.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "host/base/error.h"
#include "tests/support/firewall_bench.h"
#include "tests/support/packet_builder.h"
#include "tests/support/random_rules.h"
#include "tests/support/rule_sets.h"

namespace nicsentry {
namespace {

using testing::Bytes;
using testing::FirewallBench;
using testing::PacketBuilder;

constexpr int kRepeat = 200'000;      // for all packets together
constexpr std::size_t kPackets = 60;  // for mixed rules
constexpr std::array<std::uint32_t, FIREWALL_KEYS> kKeys = {0x2545f491, 0x4f6cdd1d, 0x9e3779b9, 0x7f4a7c15};

struct Cost {
  std::uint32_t mean = 0;  // nanoseconds, over all packets
  std::uint32_t most = 0;
};

std::vector<std::uint32_t> times_of(int program, const std::vector<Bytes>& frames) {
  std::vector<std::uint32_t> times;
  for (const Bytes& frame : frames) {
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.repeat = kRepeat / static_cast<int>(frames.size());
    if (bpf_prog_test_run_opts(program, &options) != 0) {
      throw SystemError(errno, "timing the program");
    }
    times.push_back(options.duration);
  }
  return times;
}

// Returns the cost above that of the other program, packet by packet.
Cost cost_above(const std::vector<std::uint32_t>& base, const std::vector<std::uint32_t>& times) {
  Cost cost;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const std::uint32_t above = times[i] - std::min(base[i], times[i]);
    sum += above;
    cost.most = std::max(cost.most, above);
  }
  cost.mean = static_cast<std::uint32_t>(sum / times.size());
  return cost;
}

IpAddress ipv4(std::uint32_t number) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i) {
    address.bytes[i] = testing::low_byte(number >> (24U - 8 * i));
  }
  return address;
}

std::vector<SetEntry> entries(std::size_t count) {
  std::mt19937 random(2);
  std::vector<SetEntry> made;
  while (made.size() < count) {
    const IpAddress address = ipv4(0x20000000U | (random() & 0x0fffffffU));
    made.push_back({{address, address}, {}});
  }
  return made;
}

struct Case {
  std::size_t rules = 0;
  std::size_t entries = 0;
  bool on = true;
  bool mixed = false;
};

std::uint32_t median(std::vector<std::uint32_t> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

int pass_program(bpf_object* object) {
  if (object == nullptr || bpf_object__load(object) != 0) {
    throw SystemError(errno, "loading " FIREWALL_COST_PASS_OBJECT);
  }
  return bpf_program__fd(bpf_object__next_program(object, nullptr));
}

// Makes plain rules, none of which matches the timed packet; or mixed rules, which have no useful order by prefixes,
// with packets at their edges.
ChainRules rules_of(const Case& one) {
  return one.mixed ? testing::narrow_first(testing::mixed_rules(one.rules, 7)) : testing::plain_rules(one.rules);
}

std::vector<Bytes> packets_for(const Case& one, const ChainRules& chain) {
  std::vector<Bytes> frames;
  testing::RandomRules random(7);
  while (one.mixed && frames.size() < kPackets) {
    frames.push_back(random.packet(chain, {}).frame);
  }
  if (!one.mixed) {
    frames.push_back(
        PacketBuilder().addresses(ipv4(0x0a010203), ipv4(0xc0a80105)).udp(40000, 30000).payload(64).build());
  }
  return frames;
}

std::string name_of(const Case& one) {
  return one.on ? std::to_string(one.rules) + (one.mixed ? " mixed" : "") : "no firewall in force";
}

void measure(unsigned rounds, bool json) {
  constexpr std::array kCases = {Case{0, 0, false},
                                 Case{0, 0},
                                 Case{1, 0},
                                 Case{10, 0},
                                 Case{100, 0},
                                 Case{1000, 0},
                                 Case{5000, 0},
                                 Case{0, 1000},
                                 Case{0, 1'000'000},
                                 Case{1000, 1000},
                                 Case{5000, 1'000'000},
                                 Case{10, 0, true, true},
                                 Case{100, 0, true, true},
                                 Case{1000, 0, true, true},
                                 Case{5000, 0, true, true}};
  bpf_object* object = bpf_object__open_file(FIREWALL_COST_PASS_OBJECT, nullptr);
  const int pass = pass_program(object);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  if (!json) {
    std::printf("%-22s %11s  %s\n", "RULES", "SET ENTRIES", "NS ABOVE XDP_PASS (MOST)");
  }
  for (const Case& one : kCases) {
    FirewallBench bench("sentry_drv.o", {DEFAULT_RULE_BITS, DEFAULT_ADDRESS_BUCKETS, 2 * 49152});
    AddressSets sets(bench.sets_room(), kKeys);
    bench.apply(sets.whole());
    bench.apply(sets.add(kBlockedSet, entries(one.entries)));
    const ChainRules chain = rules_of(one);
    CompileInput input;
    input.rules = &chain;
    input.set_bit = [&sets](const std::string& name) { return *sets.bit(name); };
    input.classes = sets.classes();
    input.place = bench.place(0);
    bench.fill(0, compile_chain(input).tables);
    if (one.on) {
      bench.use(0);
    }
    const std::vector<Bytes> frames = packets_for(one, chain);
    std::vector<std::uint32_t> means;
    std::vector<std::uint32_t> most;
    for (unsigned round = 0; round < rounds; ++round) {
      const std::vector<std::uint32_t> base = times_of(pass, frames);
      const Cost cost = cost_above(base, times_of(bench.program(), frames));
      means.push_back(cost.mean);
      most.push_back(cost.most);
    }
    if (json) {
      rows.push_back({{"rules", one.rules},
                      {"mixed", one.mixed},
                      {"set_entries", one.entries},
                      {"in_force", one.on},
                      {"packets", frames.size()},
                      {"ns_above_xdp_pass", median(means)},
                      {"most_ns_above_xdp_pass", median(most)}});
    } else {
      std::printf("%-22s %11zu  %u (%u)\n", name_of(one).c_str(), one.entries, median(means), median(most));
      std::fflush(stdout);
    }
  }
  bpf_object__close(object);
  if (json) {
    std::printf("%s\n", rows.dump(2).c_str());
  }
}

}  // namespace
}  // namespace nicsentry

int main(int argc, char** argv) {
  CLI::App app{"nanoseconds a packet with the firewall in force, beside XDP_PASS", "firewall_cost"};
  unsigned rounds = 7;
  bool json = false;
  app.add_option("--rounds", rounds, "rounds, of which the median is shown")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--json", json, "print JSON");
  CLI11_PARSE(app, argc, argv);
  try {
    nicsentry::measure(rounds, json);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "firewall_cost: error: %s\n", error.what());
    return 1;
  }
  return 0;
}
