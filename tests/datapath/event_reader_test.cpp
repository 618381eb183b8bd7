// SPDX-License-Identifier: GPL-2.0-or-later
// Rings of processors that come and go. Needs root.
#include "host/datapath/event_reader.h"

#include <sched.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "host/rules/language/address_text.h"
#include "tests/support/packet_builder.h"
#include "tests/support/program_pool.h"

namespace nicsentry::event_reader_test {
namespace {

using namespace std::chrono_literals;

constexpr TableSize kSize{64, 6};
constexpr auto kLater = 700ms;  // the reader has looked at the processors by then

void run_on(int processor, const Program& program) {
  std::thread([processor, &program] {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(processor), &set);
    REQUIRE(sched_setaffinity(0, sizeof(set), &set) == 0);
    TestRun(program).run(testing::PacketBuilder()
                             .addresses(parse_address_range("192.0.2.1").first, parse_address_range("192.0.2.2").first)
                             .udp(40000, 53)
                             .build());
  }).join();
}

std::size_t events(EventReader& reader) {
  EventBatch batch;
  reader.drain(batch);
  return batch.events().size();
}

}  // namespace

TEST_CASE("a processor that comes online later gets a ring; one that went and came back has one again") {
  const std::vector<int> all = online_processors();
  if (all.size() < 2) {
    WARN("skipped: the machine has one processor");
    return;
  }
  Program program =
      testing::pooled_program({.object = find_object(kSentry, Target::xdp), .mode = Mode::drv, .size = kSize});
  control running{};
  running.epoch = 1;
  running.config = CONFIG_SHARE_ALL | kSize.bucket_bits << CONFIG_BUCKET_BITS_SHIFT;
  program.maps().write_control(running);
  std::vector<int> online{all[0]};
  EventReader reader(program.maps().records_fd(), std::nullopt, LinkHeader::ethernet, [&online] { return online; });
  run_on(all[0], program);
  CHECK(events(reader) == 1);
  run_on(all[1], program);
  CHECK(events(reader) == 0);
  online = {all[0], all[1]};
  std::this_thread::sleep_for(kLater);
  CHECK(events(reader) == 0);
  run_on(all[1], program);
  run_on(all[0], program);
  CHECK(events(reader) == 2);
  online = {all[0]};
  run_on(all[1], program);  // it is read before its ring is closed
  std::this_thread::sleep_for(kLater);
  CHECK(events(reader) == 1);
  online = {all[0], all[1]};
  std::this_thread::sleep_for(kLater);
  CHECK(events(reader) == 0);
  run_on(all[1], program);
  CHECK(events(reader) == 1);
}

TEST_CASE("processors that cannot be told are asked for again, and it is said once") {
  Program program =
      testing::pooled_program({.object = find_object(kSentry, Target::xdp), .mode = Mode::drv, .size = kSize});
  const std::vector<int> all = online_processors();
  bool fails = false;
  std::size_t asked = 0;
  EventReader reader(program.maps().records_fd(), std::nullopt, LinkHeader::ethernet, [&] {
    ++asked;
    if (fails) {
      throw SystemError(EMFILE, "reading the processors");
    }
    return all;
  });
  CHECK_FALSE(reader.take_trouble());
  fails = true;
  std::vector<std::string> troubles;
  const auto drain_until_asked = [&](std::size_t times) {
    while (asked < times) {
      events(reader);
      if (auto trouble = reader.take_trouble()) {
        troubles.push_back(*trouble);
      }
      std::this_thread::sleep_for(10ms);
    }
  };
  drain_until_asked(3);
  REQUIRE(troubles.size() == 1);
  CHECK_THAT(troubles.front(), Catch::StartsWith("EMFILE: reading the processors"));
  fails = false;
  drain_until_asked(4);
  fails = true;
  drain_until_asked(5);
  CHECK(troubles.size() == 2);
}

}  // namespace nicsentry::event_reader_test
