// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/event_order.h"

#include <catch2/catch.hpp>
#include <string>

namespace nicsentry::event_order_test {

namespace {

EventBatch batch_of(const std::vector<TimestampNs>& times) {
  EventBatch batch;
  for (const TimestampNs time : times) {
    const auto byte = static_cast<std::uint8_t>(time);
    batch.append(time, {}, {&byte, 1});
  }
  return batch;
}

// "batch:time,time ..." run after run.
std::string order_of(const std::vector<std::vector<TimestampNs>>& times) {
  std::vector<EventBatch> made;
  for (const auto& each : times) made.push_back(batch_of(each));
  std::vector<const EventBatch*> batches;
  for (const EventBatch& batch : made) batches.push_back(&batch);
  std::string text;
  for_each_run_by_time(batches, [&](std::size_t which, std::span<const EventBatch::Event> run) {
    text += (text.empty() ? "" : " ") + std::to_string(which) + ":";
    for (const EventBatch::Event& event : run) {
      CHECK(batches[which]->packet(event).front() == static_cast<std::uint8_t>(event.timestamp_ns));
      text += (text.back() == ':' ? "" : ",") + std::to_string(event.timestamp_ns);
    }
  });
  return text;
}

}  // namespace

TEST_CASE("events of several attachments are merged by time stamp, in runs of one attachment") {
  CHECK(order_of({}).empty());
  CHECK(order_of({{}, {}}).empty());
  CHECK(order_of({{3, 4, 9}}) == "0:3,4,9");
  CHECK(order_of({{5, 6}, {1, 2}}) == "1:1,2 0:5,6");
  CHECK(order_of({{1, 4, 5, 9}, {2, 3, 7}, {6, 8}}) == "0:1 1:2,3 0:4,5 2:6 1:7 2:8 0:9");
  CHECK(order_of({{1, 2}, {2, 3}}) == "0:1,2 1:2,3");
}

}  // namespace nicsentry::event_order_test
