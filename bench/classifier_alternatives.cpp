// SPDX-License-Identifier: GPL-2.0-or-later
// Compares packet classifiers over the same rules and packets. Measures the room on the card, the lookups of a packet,
// and the time in user space. Every result is checked against a naive first match. IPv4 only.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/classifiers/classifier.h"
#include "bench/classifiers/kernel_lookups.h"
#include "bench/classifiers/rule_set.h"
#include "host/base/error.h"
#include "host/datapath/program.h"
#include "host/rules/compile/compile.h"
#include "tests/support/rule_sets.h"

namespace nicsentry::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct Structure {
  const char* name;
  std::unique_ptr<Classifier> (*build)(const RuleSet&);
};
constexpr Structure kStructures[] = {{"bit vectors", bit_vectors},     {"combining tables", combining_tables},
                                     {"merged tuples", merged_tuples}, {"tuples and bit vectors", tuples_and_vectors},
                                     {"decision tree", decision_tree}, {"decision trees", decision_trees}};

struct Kind {
  const char* name;
  ChainRules (*rules)(std::size_t count, std::uint64_t seed);
};
constexpr Kind kKinds[] = {
    {"mixed", testing::mixed_rules},
    {"narrow first",
     [](std::size_t count, std::uint64_t seed) { return testing::narrow_first(testing::mixed_rules(count, seed)); }},
    {"port ranges", testing::port_rules},
    {"plain", [](std::size_t count, std::uint64_t) { return testing::plain_rules(count); }}};

struct Options {
  std::vector<std::size_t> counts = {10, 100, 1000, 5000};
  std::size_t packets = 20'000;
  unsigned rounds = 7;
  std::uint64_t seed = 7;
  bool kernel = true;
  bool json = false;
};

// Returns the elements of the card that a bank of rules can have: two ports with two banks each, in addition to all
// other maps.
std::uint64_t bank_room() {
  const FirewallSize size;
  const BankPlace ours;
  const std::uint64_t bank = std::uint64_t{ours.bits} + ours.nodes;
  const std::uint64_t port = map_elements({DEFAULT_SESSIONS, DEFAULT_BUCKET_BITS}, size);
  return (kCardElements - 2 * (port - 2 * bank)) / 4;
}

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Result {
  std::string structure;
  std::unique_ptr<Classifier> classifier;  // null if it is too large
  Size size;
  double build_ms = 0;
  std::uint64_t lookups_seen = 0;
  double lookups_mean = 0;
  std::vector<double> ns;

  double median_ns() const {
    std::vector<double> sorted = ns;
    std::sort(sorted.begin(), sorted.end());
    return sorted.empty() ? 0 : sorted[sorted.size() / 2];
  }
};

void check_answers(const Result& result, const RuleSet& set, const Trace& packets) {
  std::vector<std::uint32_t> rules(packets.packets.size());
  result.classifier->find(packets.packets, rules);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i] != packets.rules[i]) {
      const auto text = [](std::uint32_t rule) { return rule == kNoRule ? "none" : std::to_string(rule); };
      throw Error(result.structure + ", " + std::to_string(set.entries.size()) + " " + set.kind + " rules, packet " +
                  std::to_string(i) + ": rule " + text(rules[i]) + ", by a naive first match " +
                  text(packets.rules[i]));
    }
  }
}

void count_lookups(Result& result, const Trace& packets) {
  std::uint64_t sum = 0;
  for (const Packet& packet : packets.packets) {
    const std::uint64_t lookups = result.classifier->lookups(packet);
    sum += lookups;
    result.lookups_seen = std::max(result.lookups_seen, lookups);
  }
  if (result.lookups_seen > result.size.lookups_most) {
    throw Error(result.structure + ": a packet needs " + std::to_string(result.lookups_seen) +
                " lookups, more than the most, " + std::to_string(result.size.lookups_most));
  }
  result.lookups_mean = static_cast<double>(sum) / static_cast<double>(packets.packets.size());
}

// Times all structures once in each round, so that a disturbance of the machine affects all of them.
void time_all(std::vector<Result>& results, const Trace& packets, unsigned rounds) {
  std::vector<std::uint32_t> rules(packets.packets.size());
  for (unsigned round = 0; round < rounds; ++round) {
    for (Result& result : results) {
      if (!result.classifier) continue;
      const auto start = Clock::now();
      result.classifier->find(packets.packets, rules);
      result.ns.push_back(ms_since(start) * 1e6 / static_cast<double>(rules.size()));
      if (rules != packets.rules) throw Error(result.structure + ": two passes differ");
    }
  }
}

std::vector<Result> measure(const RuleSet& set, const Options& options) {
  const Trace packets = trace(set, options.packets, options.seed);
  std::vector<Result> results;
  for (const Structure& structure : kStructures) {
    std::fprintf(stderr, "%zu %s rules: %s\n", set.entries.size(), set.kind.c_str(), structure.name);
    Result result;
    result.structure = structure.name;
    const auto start = Clock::now();
    try {
      result.classifier = structure.build(set);
      result.build_ms = ms_since(start);
      result.size = result.classifier->size();
      check_answers(result, set, packets);
      count_lookups(result, packets);
    } catch (const TooLarge& error) {
      result.build_ms = ms_since(start);
      result.size.elements = error.elements;
      result.size.details = error.what();
    }
    results.push_back(std::move(result));
  }
  time_all(results, packets, options.rounds);
  return results;
}

Json json_of(const RuleSet& set, const Result& result, std::uint64_t room) {
  Json made = {
      {"kind", set.kind}, {"rules", set.entries.size()}, {"hidden_rules", set.hidden}, {"structure", result.structure}};
  const bool built = result.classifier != nullptr;
  made["built"] = built;
  made[built ? "elements" : "elements_at_least"] = result.size.elements;
  made["fits_bank"] = built && result.size.elements <= room;
  if (built) {
    made["lookups_most"] = result.size.lookups_most;
    made["lookups_seen"] = result.lookups_seen;
    made["lookups_mean"] = result.lookups_mean;
    made["ns_per_packet"] = result.median_ns();
  }
  made["build_ms"] = result.build_ms;
  made["details"] = result.size.details;
  return made;
}

void print(const RuleSet& set, const std::vector<Result>& results, std::uint64_t room) {
  std::printf("%zu %s: %zu hidden\n", set.entries.size(), set.kind.c_str(), set.hidden);
  for (const Result& result : results) {
    const std::string name = std::to_string(set.entries.size()) + " " + set.kind;
    const std::string elements = (result.classifier ? "" : ">") + std::to_string(result.size.elements);
    if (result.classifier) {
      std::printf("%-17s %-17s %13s %-4s %6llu %6llu %8.1f %9.0f %7.0f\n", name.c_str(), result.structure.c_str(),
                  elements.c_str(), result.size.elements <= room ? "yes" : "no",
                  static_cast<unsigned long long>(result.size.lookups_most),
                  static_cast<unsigned long long>(result.lookups_seen), result.lookups_mean, result.build_ms,
                  result.median_ns());
    } else {
      std::printf("%-17s %-17s %13s %-4s %6s %6s %8s %9.0f %7s\n", name.c_str(), result.structure.c_str(),
                  elements.c_str(), "no", "-", "-", "-", result.build_ms, "-");
    }
    std::printf("%-17s   %s\n", "", result.size.details.c_str());
  }
  std::fflush(stdout);
}

void run(const Options& options) {
  const std::uint64_t room = bank_room();
  Json rows = Json::array();
  if (!options.json) {
    std::printf(
        "Elements of 56 bytes; a bank has room for %llu. Packets: %zu, each answer that of a naive first match.\n",
        static_cast<unsigned long long>(room), options.packets);
    std::printf("%-17s %-17s %13s %-4s %22s %9s %7s\n", "", "", "", "FITS", "LOOKUPS A PACKET", "", "");
    std::printf("%-17s %-17s %13s %-4s %6s %6s %8s %9s %7s\n", "RULES", "STRUCTURE", "ELEMENTS", "BANK", "MOST", "SEEN",
                "MEAN", "BUILD MS", "NS");
  }
  for (const Kind& kind : kKinds) {
    for (const std::size_t count : options.counts) {
      const RuleSet set = rule_set(kind.name, kind.rules(count, options.seed));
      const std::vector<Result> results = measure(set, options);
      if (!options.json) print(set, results, room);
      for (const Result& result : results) rows.push_back(json_of(set, result, room));
    }
  }
  Json kernel = Json::array();
  for (const std::uint32_t elements : {10'000U, 400'000U}) {
    if (!options.kernel) break;
    std::fprintf(stderr, "lookups in the kernel, %u elements\n", elements);
    const KernelLookups lookups = kernel_lookups(CLASSIFIER_LOOKUPS_OBJECT, elements, options.rounds);
    kernel.push_back({{"elements", elements}, {"array_ns", lookups.array_ns}, {"hash_ns", lookups.hash_ns}});
    if (!options.json) {
      std::printf("A lookup in the kernel, one after the other in %u elements: array %.1f ns, hash %.1f ns\n", elements,
                  lookups.array_ns, lookups.hash_ns);
    }
  }
  if (options.json) {
    const Json all = {{"room_of_a_bank", room}, {"packets", options.packets}, {"cases", rows}, {"kernel", kernel}};
    std::printf("%s\n", all.dump(2).c_str());
  }
}

}  // namespace
}  // namespace nicsentry::bench

int main(int argc, char** argv) {
  CLI::App app{
      "Structures that find the first rule matching a packet, over the same rules and packets: room on the card, "
      "lookups, "
      "time. Each answer is checked against a naive first match; a wrong one ends it with an error.",
      "classifier_alternatives"};
  app.footer("Example: classifier_alternatives --rules 100,1000 --packets 5000 --no-kernel --json");
  nicsentry::bench::Options options;
  bool no_kernel = false;
  app.add_option("--rules", options.counts, "how many rules, of each kind")
      ->delimiter(',')
      ->check(CLI::Range(1, 5000))
      ->capture_default_str();
  app.add_option("--packets", options.packets, "random packets a rule set")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--rounds", options.rounds, "rounds of timing, of which the median is shown")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of mixed rules and packets")->capture_default_str();
  app.add_flag("--no-kernel", no_kernel, "do not time lookups in the kernel, which needs root");
  app.add_flag("--json", options.json, "print JSON");
  CLI11_PARSE(app, argc, argv);
  options.kernel = !no_kernel;
  try {
    nicsentry::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "classifier_alternatives: error: %s\n", error.what());
    return 1;
  }
  return 0;
}
