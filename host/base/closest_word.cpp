// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/closest_word.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace nicsentry {
namespace {

// The distance of optimal string alignment: as Levenshtein's, with swapped neighbours as one edit.
std::size_t edits_between(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(to.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::vector<std::size_t> row(to.size() + 1, i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last.back();
}

}  // namespace

std::optional<std::string> closest_word(std::string_view word, std::span<const std::string> candidates) {
  if (word.empty()) {
    return std::nullopt;
  }
  // At least one character has to stay.
  std::size_t fewest = std::min(std::max<std::size_t>(word.size() / 3, 1), word.size() - 1) + 1;
  std::optional<std::string> closest;
  for (const std::string& candidate : candidates) {
    if (const std::size_t edits = edits_between(word, candidate); edits < fewest) {
      fewest = edits;
      closest = candidate;
    }
  }
  return closest;
}

std::string did_you_mean(std::string_view word, std::span<const char* const> candidates) {
  const std::vector<std::string> names(candidates.begin(), candidates.end());
  const auto meant = closest_word(word, names);
  return meant ? "; did you mean '" + *meant + "'?" : "";
}

}  // namespace nicsentry
