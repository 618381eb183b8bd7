// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace nicsentry {

// A sorted sequence of small, unique values in runs of bounded length. A million values need little more memory than
// the values themselves, and an insertion moves at most one run. T::key() defines the order.
template <typename T>
class SortedRuns {
 public:
  using Key = decltype(std::declval<const T&>().key());

  std::size_t size() const { return size_; }

  const T* find(const Key& key) const {
    if (runs_.empty()) return nullptr;
    const Run& run = runs_[run_of(key)];
    const auto at = lower(run, key);
    return at != run.end() && at->key() == key ? &*at : nullptr;
  }
  // Only parts that are not in the key may be changed.
  T* find(const Key& key) { return const_cast<T*>(std::as_const(*this).find(key)); }

  // The key must not be present yet.
  void insert(const T& value) {
    ++size_;
    if (runs_.empty()) {
      runs_.emplace_back();
    }
    std::size_t index = run_of(value.key());
    const bool comes_last =
        index + 1 == runs_.size() && !runs_[index].empty() && runs_[index].back().key() < value.key();
    if (runs_[index].size() >= (comes_last ? kRunFilled : kRunMax)) {
      index = split(index, value.key());
    }
    Run& run = runs_[index];
    run.insert(lower(run, value.key()), value);
  }

  void erase(const Key& key) {
    if (runs_.empty()) return;
    const std::size_t index = run_of(key);
    Run& run = runs_[index];
    const auto at = lower(run, key);
    if (at == run.end() || at->key() != key) return;
    run.erase(at);
    --size_;
    join(index);
  }

  // Visits the values in order, from the first one not below `from`, while `visit` returns true.
  template <typename Visit>
  void visit_from(const Key& from, Visit visit) const {
    if (runs_.empty()) return;
    std::size_t index = run_of(from);
    auto at = lower(runs_[index], from);
    for (;;) {
      for (; at != runs_[index].end(); ++at) {
        if (!visit(*at)) return;
      }
      if (++index == runs_.size()) return;
      at = runs_[index].begin();
    }
  }

  template <typename Visit>
  void visit_all(Visit visit) const {
    for (const Run& run : runs_) {
      for (const T& value : run) visit(value);
    }
  }

 private:
  using Run = std::vector<T>;
  static constexpr std::size_t kRunMax = 512;
  // When values arrive in order, runs keep room for later insertions. Otherwise each of those would split a run.
  static constexpr std::size_t kRunFilled = 448;

  template <typename AnyRun>
  static auto lower(AnyRun& run, const Key& key) {
    return std::lower_bound(run.begin(), run.end(), key, [](const T& a, const Key& b) { return a.key() < b; });
  }

  // Returns the last run that does not begin above the key, or the first run.
  std::size_t run_of(const Key& key) const {
    const auto above = std::upper_bound(runs_.begin(), runs_.end(), key, [](const Key& a, const Run& run) {
      return !run.empty() && a < run.front().key();
    });
    return above == runs_.begin() ? 0 : static_cast<std::size_t>(above - runs_.begin()) - 1;
  }

  // Makes room in a full run. Returns the run in which the key belongs. A key above all of the run begins a new run.
  std::size_t split(std::size_t index, const Key& key) {
    const auto next = runs_.begin() + static_cast<std::ptrdiff_t>(index) + 1;
    if (runs_[index].back().key() < key) {
      runs_.emplace(next)->reserve(kRunMax);
      return index + 1;
    }
    Run& upper = *runs_.emplace(next);
    Run& run = runs_[index];
    upper.reserve(kRunMax);
    const auto middle = run.begin() + kRunMax / 2;
    upper.assign(middle, run.end());
    run.erase(middle, run.end());
    return key < upper.front().key() ? index : index + 1;
  }

  void join(std::size_t index) {
    Run& run = runs_[index];
    const bool has_next = index + 1 < runs_.size();
    if (has_next && run.size() + runs_[index + 1].size() <= kRunMax / 2) {
      Run& next = runs_[index + 1];
      run.insert(run.end(), next.begin(), next.end());
      runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index) + 1);
    } else if (run.empty()) {
      runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }

  std::vector<Run> runs_;
  std::size_t size_ = 0;
};

}  // namespace nicsentry
