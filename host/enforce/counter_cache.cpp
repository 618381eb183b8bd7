// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/counter_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nicsentry {
namespace {

// A counter that passes to another rule while it is read makes the reading worthless. It takes two changes meanwhile.
constexpr unsigned kTries = 4;

std::uint64_t since_start(std::uint64_t now, std::uint64_t start) { return now > start ? now - start : 0; }

}  // namespace

CounterCache::CounterCache(const RuleStore& rules, ReadCounters read, std::function<TimestampNs()> now)
    : rules_(rules), read_(std::move(read)), now_(std::move(now)) {}

CounterCache::Sources CounterCache::sources(Chain chain) const {
  const std::lock_guard lock(mutex_);
  Sources of_chain;
  std::copy_if(sources_.begin(), sources_.end(), std::back_inserter(of_chain),
               [chain](const auto& source) { return source->chain == chain; });
  return of_chain;
}

std::uint64_t CounterCache::restarts() const {
  const std::lock_guard lock(mutex_);
  return restarts_;
}

std::vector<CounterCache::Raw> CounterCache::read_raw(Chain chain, const std::vector<std::uint32_t>& ids) const {
  std::vector<Raw> raw;
  for (auto& source : sources(chain)) {
    std::vector<rule_counter> values = read_(*source->maps, ids);
    raw.push_back({std::move(source), std::move(values)});
  }
  return raw;
}

// False when one of the counters has begun again since.
bool CounterCache::add_up(const std::vector<Raw>& raw, const std::vector<std::uint32_t>& ids, std::uint64_t since,
                          Reading& reading) const {
  reading.counts.assign(ids.size(), {});
  bool same = true;
  const std::lock_guard lock(mutex_);
  for (const auto& [source, values] : raw) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const rule_counter& start = source->starts.at(ids[i]);
      reading.counts[i].packets += since_start(values.at(i).packets, start.packets);
      reading.counts[i].bytes += since_start(values[i].bytes, start.bytes);
      same = same && source->restarts[ids[i]] <= since;
    }
  }
  return same;
}

std::shared_ptr<const CounterCache::Reading> CounterCache::read(Chain chain, std::chrono::nanoseconds max_age) {
  const std::lock_guard one_reader(reading_);
  const auto index = static_cast<std::size_t>(chain);
  {
    const std::lock_guard lock(mutex_);
    const auto& last = last_.at(index);
    const TimestampNs age = last != nullptr ? now_() - last->read_ns : -1;
    if (max_age.count() > 0 && age >= 0 && age <= max_age.count() && last->installed == rules_.installed(chain)) {
      return last;
    }
  }
  auto reading = std::make_shared<Reading>();
  for (unsigned tries = 0; tries < kTries; ++tries) {
    const std::uint64_t since = restarts();
    reading->installed = rules_.installed(chain);
    reading->read_ns = now_();
    const std::vector<std::uint32_t> ids = counters_of(reading->installed->chain);
    if (add_up(read_raw(chain, ids), ids, since, *reading)) {
      break;
    }
  }
  const std::lock_guard lock(mutex_);
  last_.at(index) = reading;
  return reading;
}

// A counter that a change has given to a new rule meanwhile began at 0 then.
void CounterCache::reset() {
  const std::lock_guard one_reader(reading_);
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    const std::uint64_t since = restarts();
    const std::vector<std::uint32_t> ids = counters_of(rules_.installed(chain)->chain);
    const std::vector<Raw> raw = read_raw(chain, ids);
    const std::lock_guard lock(mutex_);
    ++restarts_;
    for (const auto& [source, values] : raw) {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (source->restarts.at(ids[i]) <= since) {
          source->starts[ids[i]] = values.at(i);
          source->restarts[ids[i]] = restarts_;
        }
      }
    }
    last_ = {};
  }
}

void CounterCache::add(std::shared_ptr<FirewallMaps> maps, Chain chain) {
  auto source = std::make_shared<Source>();
  source->maps = std::move(maps);
  source->chain = chain;
  const std::lock_guard lock(mutex_);
  sources_.push_back(std::move(source));
  last_ = {};
}

void CounterCache::remove(const FirewallMaps* maps) {
  const std::lock_guard lock(mutex_);
  std::erase_if(sources_, [maps](const auto& source) { return source->maps.get() == maps; });
  last_ = {};
}

void CounterCache::restart(const FirewallMaps* maps, const std::vector<std::uint32_t>& ids) {
  std::shared_ptr<Source> source;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(sources_.begin(), sources_.end(),
                                    [maps](const auto& candidate) { return candidate->maps.get() == maps; });
    if (found == sources_.end()) {
      return;
    }
    source = *found;
  }
  const std::vector<rule_counter> values = read_(*source->maps, ids);
  const std::lock_guard lock(mutex_);
  ++restarts_;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    source->starts.at(ids[i]) = values.at(i);
    source->restarts[ids[i]] = restarts_;
  }
}

}  // namespace nicsentry
