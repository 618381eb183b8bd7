// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/event_feed.h"

#include <array>
#include <catch2/catch.hpp>

namespace nicsentry::event_feed_test {
namespace {

using Catch::Contains;

std::string read_all(EventStream& stream) {
  std::string text;
  std::array<char, 7> part{};  // events come in pieces
  while (const std::size_t count = stream.take(part.data(), part.size())) {
    text.append(part.data(), count);
  }
  return text;
}

}  // namespace

TEST_CASE("a reader gets the kinds that it asked for, in order") {
  EventFeed feed;
  CHECK_FALSE(feed.wanted(EventKind::log));
  const auto stream = feed.subscribe({EventKind::log, EventKind::window});
  CHECK(feed.wanted(EventKind::log));
  CHECK_FALSE(feed.wanted(EventKind::block));
  feed.publish(EventKind::block, "{}");
  feed.publish(EventKind::log, R"({"a":1})");
  feed.publish(EventKind::window, R"({"b":2})");
  CHECK(read_all(*stream) == "id: 0\nevent: log\ndata: {\"a\":1}\n\nid: 1\nevent: window\ndata: {\"b\":2}\n\n");
  CHECK(feed.lost() == 0);
}

TEST_CASE("a reader that stands still loses the oldest events, and is told how many") {
  EventFeed feed;
  const auto slow = feed.subscribe({EventKind::log});
  const auto quick = feed.subscribe({EventKind::log});
  std::string all;
  for (std::size_t i = 0; i < EventStream::kMostEvents + 5; ++i) {
    feed.publish(EventKind::log, std::to_string(i));
    all += read_all(*quick);
  }
  CHECK_THAT(all, Contains("data: 0\n") && !Contains("event: lost"));
  const std::string seen = read_all(*slow);
  CHECK(seen.starts_with("event: lost\ndata: {\"events\":5}\n\nid: 5\n"));
  CHECK_THAT(seen, Contains("data: " + std::to_string(EventStream::kMostEvents + 4) + "\n"));
  CHECK(feed.lost() == 5);
  feed.publish(EventKind::log, "x");
  CHECK_THAT(read_all(*slow), !Contains("lost"));
  const std::string large(EventStream::kMostBytes / 3, 'x');
  for (int i = 0; i < 10; ++i) {
    feed.publish(EventKind::log, large);
  }
  CHECK(read_all(*slow).size() <= EventStream::kMostBytes + 200);
}

TEST_CASE("a reader is woken once for each wait, and by the end") {
  EventStream stream;
  int woken = 0;
  int suspended = 0;
  stream.set_wake([&woken] { ++woken; });
  const auto wait = [&] { return stream.wait_for_more([&suspended] { ++suspended; }); };
  CHECK(wait());
  const auto event = std::make_shared<const std::string>("x");
  stream.offer(event);
  stream.offer(event);
  CHECK(woken == 1);
  CHECK_FALSE(wait());  // something waits
  CHECK(suspended == 1);
  CHECK(read_all(stream) == "xx");
  CHECK(wait());
  stream.beat();
  CHECK(woken == 2);
  stream.beat();  // one waits
  CHECK(read_all(stream) == ":\n\n");
  CHECK(wait());
  stream.offer(event);
  stream.close();
  CHECK(woken == 3);
  CHECK_FALSE(stream.ended());
  CHECK(read_all(stream) == "x");
  CHECK(stream.ended());
  CHECK_FALSE(wait());
}

TEST_CASE("there are so many readers at most, and those that have gone do not count") {
  EventFeed feed;
  std::vector<std::shared_ptr<EventStream>> readers;
  for (std::size_t i = 0; i < EventFeed::kMostReaders; ++i) {
    readers.push_back(feed.subscribe({EventKind::log}));
    REQUIRE(readers.back() != nullptr);
  }
  CHECK(feed.subscribe({EventKind::log}) == nullptr);
  readers.pop_back();
  CHECK(feed.subscribe({EventKind::log}) != nullptr);
  feed.close();
  CHECK(readers.front()->ended());
  CHECK(feed.subscribe({EventKind::log}) == nullptr);
}

}  // namespace nicsentry::event_feed_test
