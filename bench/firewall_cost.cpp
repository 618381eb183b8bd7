// SPDX-License-Identifier: GPL-2.0-only
// What the firewall costs a packet in the kernel, at so many rules and so many addresses in sets, side by side in one
// run with XDP_PASS (BPF_PROG_TEST_RUN). bench/firewall_beside_nft.sh holds it against nft, over a veth pair.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "host/error.h"
#include "tests/firewall/firewall_bench.h"
#include "tests/firewall/rule_sets.h"
#include "tests/kernel/packet_builder.h"

namespace nicsentry {
namespace {

using testing::Bytes;
using testing::FirewallBench;
using testing::PacketBuilder;

constexpr std::uint32_t kRepeat = 200'000;
constexpr std::array<std::uint32_t, FIREWALL_KEYS> kKeys = {0x2545f491, 0x4f6cdd1d, 0x9e3779b9, 0x7f4a7c15};

std::uint32_t time_of(int program, const Bytes& frame) {
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<__u32>(frame.size());
  options.repeat = kRepeat;
  if (bpf_prog_test_run_opts(program, &options) != 0) {
    throw SystemError(errno, "timing the program");
  }
  return options.duration;
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

void measure(unsigned rounds, bool json) {
  constexpr std::array kCases = {Case{0, 0, false},  Case{0, 0},       Case{1, 0},           Case{10, 0},
                                 Case{100, 0},       Case{1000, 0},    Case{5000, 0},        Case{0, 1000},
                                 Case{0, 1'000'000}, Case{1000, 1000}, Case{5000, 1'000'000}};
  const Bytes frame =
      PacketBuilder().addresses(ipv4(0x0a010203), ipv4(0xc0a80105)).udp(40000, 30000).payload(64).build();
  bpf_object* object = bpf_object__open_file(FIREWALL_COST_PASS_OBJECT, nullptr);
  const int pass = pass_program(object);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  if (!json) {
    std::printf("%-22s %10s  %9s  %s\n", "RULES", "SET ENTRIES", "NS/PACKET", "ABOVE XDP_PASS");
  }
  for (const Case& one : kCases) {
    FirewallBench bench("sentry_drv.o", {DEFAULT_RULE_BITS, DEFAULT_ADDRESS_BUCKETS, 2 * 49152});
    AddressSets sets(bench.sets_room(), kKeys);
    bench.apply(sets.whole());
    bench.apply(sets.add(kBlockedSet, entries(one.entries)));
    const ChainRules chain = testing::plain_rules(one.rules);  // none matches the packet timed
    CompileInput input;
    input.rules = &chain;
    input.set_bit = [&sets](const std::string& name) { return *sets.bit(name); };
    input.classes = sets.classes();
    input.place = bench.place(0);
    bench.fill(0, compile_chain(input).tables);
    if (one.on) {
      bench.use(0);
    }
    std::vector<std::uint32_t> absolute;
    std::vector<std::uint32_t> above;
    for (unsigned round = 0; round < rounds; ++round) {
      const std::uint32_t base = time_of(pass, frame);
      absolute.push_back(time_of(bench.program(), frame));
      above.push_back(absolute.back() - std::min(base, absolute.back()));
    }
    const std::string name = one.on ? std::to_string(one.rules) : "no firewall in force";
    if (json) {
      rows.push_back({{"rules", one.rules},
                      {"set_entries", one.entries},
                      {"in_force", one.on},
                      {"ns_per_packet", median(absolute)},
                      {"ns_above_xdp_pass", median(above)}});
    } else {
      std::printf("%-22s %10zu  %9u  %u\n", name.c_str(), one.entries, median(absolute), median(above));
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
