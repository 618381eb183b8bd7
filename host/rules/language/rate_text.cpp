// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/rate_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

constexpr std::uint64_t kPacketsMost = 1'000'000'000;   // a second
constexpr std::uint64_t kBitsMost = 1'000'000'000'000;  // a second
constexpr std::uint64_t kBitsLeast = 1000;              // a second
constexpr std::uint64_t kBurstMost = 4'000'000'000;     // the program counts in 32 bits
constexpr std::array<std::uint64_t, 4> kFactors = {1, 1000, 1'000'000, 1'000'000'000};
constexpr std::array<const char*, 4> kPrefixes = {"", "k", "M", "G"};

struct Period {
  const char* name;
  std::uint32_t seconds;
};
// The first name of a period is the one that is printed.
constexpr Period kPeriods[] = {{"s", 1},    {"sec", 1},     {"second", 1}, {"m", 60},
                               {"min", 60}, {"minute", 60}, {"h", 3600},   {"hour", 3600}};

// Takes the digits that a text begins with off it.
std::optional<std::uint64_t> take_amount(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<std::uint64_t> take_factor(std::string_view& text) {
  for (std::size_t i = kFactors.size(); i-- > 1;) {
    if (!text.empty() && same_word(text.substr(0, 1), kPrefixes.at(i))) {
      text.remove_prefix(1);
      return kFactors.at(i);
    }
  }
  return 1;
}

std::string with_factor(std::uint64_t number) {
  std::size_t i = 0;
  while (i + 1 < kFactors.size() && number != 0 && number % kFactors.at(i + 1) == 0) ++i;
  return std::to_string(number / kFactors.at(i)) + kPrefixes.at(i);
}

}  // namespace

std::optional<Rate> parse_rate(std::string_view text) {
  text = trimmed(text);
  const auto number = take_amount(text);
  if (!number || *number == 0 || *number > kBitsMost) return std::nullopt;
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::string_view unit = trimmed(text.substr(0, slash));
  const std::string_view period = trimmed(text.substr(slash + 1));
  const auto* known = std::find_if(std::begin(kPeriods), std::end(kPeriods),
                                   [period](const Period& one) { return same_word(one.name, period); });
  if (known == std::end(kPeriods)) return std::nullopt;
  if (unit.empty()) {
    if (*number / known->seconds > kPacketsMost) return std::nullopt;
    return Rate{*number, known->seconds, false};
  }
  const std::uint64_t factor = *take_factor(unit);
  if (known->seconds != 1 || !(same_word(unit, "bit") || same_word(unit, "bits"))) return std::nullopt;
  if (*number > kBitsMost / factor || *number * factor < kBitsLeast) return std::nullopt;
  return Rate{*number * factor, 1, true};
}

std::string rate_text(const Rate& rate) {
  if (rate.bits) return with_factor(rate.amount) + "bit/s";
  const auto* period = std::find_if(std::begin(kPeriods), std::end(kPeriods),
                                    [&rate](const Period& one) { return one.seconds == rate.period_s; });
  return std::to_string(rate.amount) + "/" + period->name;
}

std::optional<std::uint64_t> parse_burst(std::string_view text) {
  text = trimmed(text);
  const auto number = take_amount(text);
  text = trimmed(text);
  const std::uint64_t factor = *take_factor(text);
  const bool unit = text.empty() ? factor == 1 : text == "B" || same_word(text, "bytes");
  if (!number || !unit || *number == 0 || *number > kBurstMost / factor) return std::nullopt;
  return *number * factor;
}

std::string burst_text(std::uint64_t burst, bool of_bits) {
  return of_bits ? with_factor(burst) + "B" : std::to_string(burst);
}

std::optional<BucketKey> parse_per(std::string_view text) {
  text = trimmed(text);
  const std::size_t slash = text.find('/');
  const std::string_view end = text.substr(0, slash);
  BucketKey key;
  if (same_word(end, "source") || same_word(end, "src")) {
    key = {BucketKey::Per::source, BucketKey::kSourcePrefix};
  } else if (same_word(end, "destination") || same_word(end, "dst")) {
    key = {BucketKey::Per::destination, BucketKey::kDestinationPrefix};
  } else if (!same_word(end, "rule") || slash != std::string_view::npos) {
    return std::nullopt;
  }
  if (slash == std::string_view::npos) return key;
  std::string_view rest = text.substr(slash + 1);
  auto last = take_amount(rest);
  if (last && rest.starts_with('/')) {
    if (*last == 0 || *last > BucketKey::kIpv4Prefix) return std::nullopt;
    key.ipv4_prefix = static_cast<std::uint8_t>(*last);
    rest.remove_prefix(1);
    last = take_amount(rest);
  }
  if (!last || !rest.empty() || *last == 0 || *last > 128) return std::nullopt;
  key.ipv6_prefix = static_cast<std::uint8_t>(*last);
  return key;
}

std::string per_text(const BucketKey& key) {
  if (key.per == BucketKey::Per::rule) return "rule";
  const bool source = key.per == BucketKey::Per::source;
  const std::uint8_t usual = source ? BucketKey::kSourcePrefix : BucketKey::kDestinationPrefix;
  std::string text = source ? "source" : "destination";
  if (key.ipv4_prefix != BucketKey::kIpv4Prefix) text += "/" + std::to_string(key.ipv4_prefix);
  if (key.ipv4_prefix != BucketKey::kIpv4Prefix || key.ipv6_prefix != usual) {
    text += "/" + std::to_string(key.ipv6_prefix);
  }
  return text;
}

}  // namespace nicsentry
