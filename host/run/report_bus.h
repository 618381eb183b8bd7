// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/run/subscriber.h"

namespace nicsentry {

// Gives each item to every subscriber. publish() waits for none of them, unless a subscriber's limits say so (replay).
// For one thread.
template <typename Item>
class ReportBus {
 public:
  void subscribe(std::shared_ptr<Subscriber<Item>> subscriber) { subscribers_.push_back(std::move(subscriber)); }

  void publish(const std::shared_ptr<const Item>& item, std::size_t bytes) {
    for (const auto& subscriber : subscribers_) {
      subscriber->offer(item, bytes);
    }
  }

  // Which subscribers lost items since the last call, and how many.
  struct Loss {
    std::string subscriber;
    std::uint64_t items = 0;
  };
  std::vector<Loss> take_losses() {
    std::vector<Loss> losses;
    for (const auto& subscriber : subscribers_) {
      if (const std::uint64_t items = subscriber->take_dropped(); items != 0) {
        losses.push_back({subscriber->name(), items});
      }
    }
    return losses;
  }

  const std::vector<std::shared_ptr<Subscriber<Item>>>& subscribers() const { return subscribers_; }

  // Closes every subscriber; the names of those that were abandoned.
  std::vector<std::string> close() {
    std::vector<std::string> abandoned;
    for (const auto& subscriber : subscribers_) {
      if (!subscriber->close()) {
        abandoned.push_back(subscriber->name());
      }
    }
    return abandoned;
  }

 private:
  std::vector<std::shared_ptr<Subscriber<Item>>> subscribers_;
};

}  // namespace nicsentry
