// SPDX-License-Identifier: GPL-2.0-or-later
// Measures the nanoseconds of a packet in each program, and in a program that only passes it. Each round measures every
// case once, so that a disturbance of the machine affects all of them. The difference to the bare program is taken
// within a round.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/base/error.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "host/packet/parser.h"
#include "host/ports/program_choice.h"
#include "host/sessions/session.h"

namespace nicsentry {
namespace {

using Frame = std::vector<std::uint8_t>;

constexpr TableSize kTable{1024, 10};
constexpr std::uint32_t kEpoch = 1;
// One call runs many times: each call waits for the kernel to patch its XDP dispatcher, which takes longer than the
// measurement.
constexpr std::uint32_t kRepeat = 20'000;
constexpr std::uint32_t kRepeatWithEvents = 2'000;  // below the ring's watermark and far below its size
constexpr std::size_t kPayload = 200;

enum class State { capped, captured, unknown_silent, unknown };

struct StateName {
  State state;
  const char* name;
};
constexpr StateName kStates[] = {{State::capped, "known, capped"},
                                 {State::captured, "known, event"},
                                 {State::unknown_silent, "unknown, no event"},
                                 {State::unknown, "unknown, event"}};

// Makes a TCP segment. The source port distinguishes sessions.
Frame make_frame(int version, std::uint16_t port) {
  Frame frame(12, 0x02);
  const auto put16 = [&frame](std::size_t value) {
    frame.push_back(static_cast<std::uint8_t>(value >> 8));
    frame.push_back(static_cast<std::uint8_t>(value));
  };
  const auto fill = [&frame](std::size_t count, std::uint8_t value) { frame.insert(frame.end(), count, value); };
  constexpr std::size_t kTcp = 20;
  if (version == 4) {
    put16(0x0800);
    put16(0x4500);
    put16(20 + kTcp + kPayload);
    fill(4, 0);  // identification, fragment
    put16(0x4006);
    put16(0);
    fill(4, 10);  // source
    fill(4, 11);  // destination
  } else {
    put16(0x86dd);
    put16(0x6000);
    put16(0);
    put16(kTcp + kPayload);
    put16(0x0640);
    fill(16, 0xfd);  // source
    fill(16, 0xfc);  // destination
  }
  put16(port);
  put16(443);
  fill(8, 1);  // sequence numbers
  put16(0x5010);
  fill(6, 0);
  fill(kPayload, 0);
  return frame;
}

std::uint16_t port_of(State state) { return static_cast<std::uint16_t>(50000 + static_cast<int>(state)); }

struct Case {
  std::string program;
  std::string state;
  int version = 4;
  std::function<std::uint32_t()> measure;
  std::vector<double> costs{};  // ns, one for each round
  std::vector<double> added{};  // difference to the bare program in the same round
};

// One program, with a known session of each kind for each IP version.
class Subject {
 public:
  explicit Subject(Profile profile) {
    Program program = Program::load({.object = find_object(program_for(profile), Target::xdp), .size = kTable});
    test_run_ = std::make_unique<TestRun>(program);
    attachment_ = Attachment::fresh({"bench", "xdp", "drv"}, std::move(program),
                                    {kTable.sessions, fixed_keys(), test_run_->cpu()});
    attachment_->start(kEpoch);
    for (const int version : {4, 6}) {
      learn(version, State::capped);
      learn(version, State::captured);
    }
    attachment_->flush();
  }

  std::uint32_t measure(const Frame& frame, State state) {
    const bool event = state == State::captured || state == State::unknown;
    attachment_->set_sampling_rate(state == State::unknown ? CONFIG_SHARE_ALL : 0);
    const std::uint32_t repeat = event ? kRepeatWithEvents : kRepeat;
    const std::uint32_t cost = test_run_->time(frame, repeat);
    const std::size_t arrived = drain();
    if (arrived != (event ? repeat : 0)) {
      throw Error("expected " + std::to_string(event ? repeat : 0) + " events, " + std::to_string(arrived) +
                  " arrived");
    }
    return cost;
  }

 private:
  void learn(int version, State state) {
    auto session = std::make_unique<Session>();
    session->key = parse_packet(make_frame(version, port_of(state))).value().key.key;
    const auto id = attachment_->learn(*session, 0);
    if (!id || !attachment_->sessions().entry(*id).placed) {
      throw Error("a session found no place in an empty table");
    }
    if (state == State::capped) {
      attachment_->sessions().mute(*id, kEpoch);
    }
    sessions_.push_back(std::move(session));
  }

  std::size_t drain() {
    batch_.clear();
    attachment_->reader().drain(batch_);
    return batch_.events().size();
  }

  std::unique_ptr<TestRun> test_run_;
  std::unique_ptr<Attachment> attachment_;
  std::vector<std::unique_ptr<Session>> sessions_;
  EventBatch batch_;
};

double at(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

class Bench {
 public:
  Bench() : pass_(Program::load({.object = PACKET_COST_PASS_OBJECT, .size = kTable})), pass_run_(pass_) {
    for (const int version : {4, 6}) {
      cases_.push_back({"XDP_PASS", "", version, [this, frame = make_frame(version, port_of(State::unknown))] {
                          return pass_run_.time(frame, kRepeat);
                        }});
    }
    for (const Profile profile : {Profile::ddos, Profile::crypto, Profile::all}) {
      Subject* subject = subjects_.emplace_back(std::make_unique<Subject>(profile)).get();
      for (const auto& [state, name] : kStates) {
        for (const int version : {4, 6}) {
          cases_.push_back({std::string(program_for(profile)), name, version,
                            [subject, state = state, frame = make_frame(version, port_of(state))] {
                              return subject->measure(frame, state);
                            }});
        }
      }
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void run(unsigned rounds) {
    for (unsigned round = 0; round < rounds; ++round) {
      double bare[2]{};
      for (Case& each : cases_) {
        const double cost = each.measure();
        double& pass = bare[each.version == 6 ? 1 : 0];
        pass = each.state.empty() ? cost : pass;
        each.costs.push_back(cost);
        each.added.push_back(cost - pass);
      }
    }
  }

  void print() const {
    std::printf("%-9s %-18s %-5s %11s %9s %15s\n", "PROGRAM", "SESSION", "IP", "NS/PACKET", "10%..90%",
                "ABOVE XDP_PASS");
    for (const Case& each : cases_) {
      std::printf("%-9s %-18s IPv%d  %11.0f %4.0f..%-4.0f %14.0f\n", each.program.c_str(), each.state.c_str(),
                  each.version, at(each.costs, 0.5), at(each.costs, 0.1), at(each.costs, 0.9), at(each.added, 0.5));
    }
  }

  void print_json(unsigned rounds) const {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Case& each : cases_) {
      rows.push_back({{"program", each.program},
                      {"session", each.state},
                      {"ip_version", each.version},
                      {"median_ns", at(each.costs, 0.5)},
                      {"p10_ns", at(each.costs, 0.1)},
                      {"p90_ns", at(each.costs, 0.9)},
                      {"added_median_ns", at(each.added, 0.5)}});
    }
    std::printf("%s\n", nlohmann::ordered_json{{"rounds", rounds}, {"cases", rows}}.dump(2).c_str());
  }

 private:
  Program pass_;
  TestRun pass_run_;
  std::vector<std::unique_ptr<Subject>> subjects_;
  std::vector<Case> cases_;
};

}  // namespace
}  // namespace nicsentry

int main(int argc, char** argv) {
  CLI::App app{"packet_cost: nanoseconds a packet takes in each program, beside one that only passes it"};
  unsigned rounds = 31;
  bool json = false;
  app.add_option("--rounds", rounds, "each measures every case once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", json, "print JSON");
  CLI11_PARSE(app, argc, argv);
  try {
    nicsentry::Bench bench;
    bench.run(rounds);
    if (json) {
      bench.print_json(rounds);
    } else {
      bench.print();
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "packet_cost: error: %s\n", error.what());
    return 1;
  }
  return 0;
}
