// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/places.h"

#include <algorithm>
#include <cstddef>

namespace nicsentry::polycube {
namespace {

// The firewall's own filters have number 100. Behind them stand what `programs load` puts there, from 200 on, and
// cubes.
struct Range {
  std::uint32_t first;
  std::uint32_t last;
};
constexpr Range kBeforeFirewall{1, 99};
constexpr Range kBehindFirewall{1000, 60000};
constexpr std::uint32_t kSteps = 12;  // of a range: what is left between neighbours, so that others fit in

using Number = std::optional<std::uint32_t>;

bool in_order(const std::vector<Number>& numbers, Range range) {
  std::uint32_t former = range.first - 1;
  for (const Number& number : numbers) {
    if (number && (*number <= former || *number > range.last)) {
      return false;
    }
    former = number.value_or(former);
  }
  return true;
}

// A number between two others, both excluded; nothing where there is none. An end of the range is no neighbour.
Number between(std::uint32_t low, std::uint32_t high, Range range) {
  if (high - low < 2) {
    return std::nullopt;
  }
  const std::uint32_t middle = low + (high - low) / 2;
  const std::uint32_t step = std::max(1U, (range.last - range.first) / kSteps);
  const bool first = low < range.first;
  const bool last = high > range.last;
  if (first == last) {
    return middle;
  }
  return last ? std::min(middle, low + step) : std::max(middle, high - std::min(step, high));
}

bool fill(std::vector<Number>& numbers, Range range) {
  std::uint32_t low = range.first - 1;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (!numbers[i]) {
      const auto next = std::find_if(numbers.begin() + static_cast<std::ptrdiff_t>(i), numbers.end(),
                                     [](const Number& number) { return number.has_value(); });
      numbers[i] = between(low, next != numbers.end() ? **next : range.last + 1, range);
      if (!numbers[i]) {
        return false;
      }
    }
    low = *numbers[i];
  }
  return true;
}

void number_group(std::vector<Number>& numbers, Range range) {
  if (in_order(numbers, range) && fill(numbers, range)) {
    return;
  }
  const auto count = static_cast<std::uint32_t>(numbers.size());
  for (std::uint32_t i = 0; i < count; ++i) {  // anew, with the same distance between all
    numbers[i] = range.first + (i + 1) * (range.last - range.first) / (count + 1);
  }
}

}  // namespace

std::vector<Places> places_in_chain(std::span<const ChainMember> chain) {
  const auto firewall = std::find_if(chain.begin(), chain.end(), [](const auto& one) { return one.firewall; });
  const std::size_t at = firewall == chain.end() ? 0 : static_cast<std::size_t>(firewall - chain.begin());
  std::vector<std::size_t> before;
  std::vector<std::size_t> behind;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    if (!chain[i].firewall) {
      (i < at ? before : behind).push_back(i);
    }
  }
  std::vector<Places> places(chain.size());
  const auto number = [&](std::vector<std::size_t> members, std::uint32_t Places::*place, Range range) {
    std::vector<Number> numbers;
    numbers.reserve(members.size());
    for (const std::size_t member : members) {
      numbers.push_back(chain[member].now ? Number((*chain[member].now).*place) : std::nullopt);
    }
    number_group(numbers, range);
    for (std::size_t i = 0; i < members.size(); ++i) {
      places[members[i]].*place = *numbers[i];
    }
  };
  const auto reversed = [](std::vector<std::size_t> members) {
    std::reverse(members.begin(), members.end());
    return members;
  };
  number(before, &Places::ingress, kBeforeFirewall);
  number(behind, &Places::ingress, kBehindFirewall);
  number(reversed(behind), &Places::egress, kBeforeFirewall);
  number(reversed(before), &Places::egress, kBehindFirewall);
  return places;
}

}  // namespace nicsentry::polycube
