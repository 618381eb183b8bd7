// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/subscriber.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "host/run/report_bus.h"

namespace nicsentry::subscriber_test {

namespace {

using namespace std::chrono_literals;

using Item = int;
using Items = std::vector<Item>;

// A consumer that can be held: it stands in its first item until it is released.
struct Consumer {
  std::promise<void> entered;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::mutex mutex;
  Items seen;
  bool holds = true;

  void consume(const std::shared_ptr<const Item>& item) {
    if (std::exchange(holds, false)) {
      entered.set_value();
      released.wait();
    }
    const std::lock_guard lock(mutex);
    seen.push_back(*item);
  }
  Items taken() {
    const std::lock_guard lock(mutex);
    return seen;
  }
};

std::shared_ptr<Subscriber<Item>> subscribe(const std::shared_ptr<Consumer>& consumer, const QueueLimits& limits,
                                            Items* dropped = nullptr) {
  return std::make_shared<Subscriber<Item>>(
      "consumer", limits, [consumer](const auto& item) { consumer->consume(item); },
      [dropped](const auto& item) {
        if (dropped != nullptr) {
          dropped->push_back(*item);
        }
      });
}

void offer(Subscriber<Item>& subscriber, Item item, std::size_t bytes = 1) {
  subscriber.offer(std::make_shared<const Item>(item), bytes);
}

QueueLimits limits(std::size_t items, std::size_t bytes) {
  QueueLimits made;
  made.items = items;
  made.bytes = bytes;
  made.grace = 50ms;
  return made;
}

}  // namespace

TEST_CASE("subscriber: one that stands still loses its oldest items, and nobody waits for it") {
  auto consumer = std::make_shared<Consumer>();
  Items dropped;
  const auto subscriber = subscribe(consumer, limits(3, 1000), &dropped);
  offer(*subscriber, 0);
  consumer->entered.get_future().wait();
  for (Item item = 1; item <= 5; ++item) {
    offer(*subscriber, item);
  }
  CHECK(dropped == Items{1, 2});
  CHECK(subscriber->take_dropped() == 2);
  CHECK(subscriber->take_dropped() == 0);
  consumer->release.set_value();
  CHECK(subscriber->close());
  CHECK(consumer->taken() == Items{0, 3, 4, 5});
}

TEST_CASE("subscriber: the queue is bounded by bytes, too; an item larger than the bound is taken alone") {
  auto consumer = std::make_shared<Consumer>();
  const auto subscriber = subscribe(consumer, limits(100, 10));
  offer(*subscriber, 0);
  consumer->entered.get_future().wait();
  offer(*subscriber, 1, 6);
  offer(*subscriber, 2, 4);
  CHECK(subscriber->take_dropped() == 0);
  offer(*subscriber, 3, 1);
  CHECK(subscriber->take_dropped() == 1);
  offer(*subscriber, 4, 11);
  CHECK(subscriber->take_dropped() == 2);
  consumer->release.set_value();
  CHECK(subscriber->close());
  CHECK(consumer->taken() == Items{0, 4});
}

TEST_CASE("subscriber: with wait_when_full nothing is lost") {
  auto consumer = std::make_shared<Consumer>();
  QueueLimits waiting = limits(2, 1000);
  waiting.wait_when_full = true;
  const auto subscriber = subscribe(consumer, waiting);
  offer(*subscriber, 0);
  consumer->entered.get_future().wait();
  auto producer = std::async(std::launch::async, [&] {
    for (Item item = 1; item <= 50; ++item) {
      offer(*subscriber, item);
    }
  });
  CHECK(producer.wait_for(20ms) == std::future_status::timeout);
  consumer->release.set_value();
  producer.get();
  CHECK(subscriber->close());
  CHECK(consumer->taken().size() == 51);
  CHECK(subscriber->take_dropped() == 0);
}

TEST_CASE("subscriber: close() abandons a consumer that finishes nothing within the grace, and counts what waited") {
  auto consumer = std::make_shared<Consumer>();
  Items dropped;
  const auto subscriber = subscribe(consumer, limits(10, 1000), &dropped);
  offer(*subscriber, 0);
  consumer->entered.get_future().wait();
  offer(*subscriber, 1);
  offer(*subscriber, 2);
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(subscriber->close());
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  CHECK(dropped == Items{1, 2});
  offer(*subscriber, 3);
  CHECK(dropped == Items{1, 2, 3});
  consumer->release.set_value();  // the thread ends by itself
}

TEST_CASE("subscriber: a consumer that throws gets the next item, and the error is passed on") {
  std::atomic<int> failures = 0;
  std::atomic<int> consumed = 0;
  Subscriber<Item> subscriber(
      "failing", limits(10, 1000),
      [&](const auto& item) {
        if (*item == 1) {
          throw std::runtime_error("disk full");
        }
        ++consumed;
      },
      {}, [&](const std::exception& error) { failures += std::string(error.what()) == "disk full" ? 1 : 0; });
  for (Item item = 0; item < 3; ++item) {
    offer(subscriber, item);
  }
  CHECK(subscriber.close());
  CHECK(consumed == 2);
  CHECK(failures == 1);
}

TEST_CASE("report bus: one subscriber that stands still costs the others nothing, and its losses have its name") {
  auto still = std::make_shared<Consumer>();
  auto healthy = std::make_shared<Consumer>();
  healthy->holds = false;
  ReportBus<Item> bus;
  bus.subscribe(std::make_shared<Subscriber<Item>>("still", limits(1, 1000),
                                                   [still](const auto& item) { still->consume(item); }));
  bus.subscribe(std::make_shared<Subscriber<Item>>("healthy", limits(100, 1000),
                                                   [healthy](const auto& item) { healthy->consume(item); }));
  bus.publish(std::make_shared<const Item>(0), 1);
  still->entered.get_future().wait();
  for (Item item = 1; item < 20; ++item) {
    bus.publish(std::make_shared<const Item>(item), 1);
  }
  const auto losses = bus.take_losses();
  REQUIRE(losses.size() == 1);
  CHECK(losses.front().subscriber == "still");
  CHECK(losses.front().items == 18);
  CHECK(bus.close() == std::vector<std::string>{"still"});
  CHECK(healthy->taken().size() == 20);
  still->release.set_value();
}

}  // namespace nicsentry::subscriber_test
