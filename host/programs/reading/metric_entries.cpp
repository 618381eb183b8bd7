// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/metric_entries.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "host/programs/reading/differences.h"

namespace nicsentry::programs {
namespace {

std::string_view bytes_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// As numbers of a little-endian machine.
bool is_below(std::string_view one, std::string_view two) {
  const auto byte = [](char character) { return static_cast<unsigned char>(character); };
  return std::lexicographical_compare(one.rbegin(), one.rend(), two.rbegin(), two.rend(),
                                      [&byte](char left, char right) { return byte(left) < byte(right); });
}

}  // namespace

MetricEntries::MetricEntries(const Scraped& scraped, std::size_t most) {
  const bool grows = only_grows(scraped.metric.open_metrics->type);
  parts_ = grows ? counted_parts(scraped.layout.value) : number_parts(scraped.layout.value);
  for (const UserMapReader& reader : scraped.readers) {
    if (grows || contents_.empty()) {
      MapContent content = reader.read();
      const bool differs = !grows && scraped.last;
      contents_.push_back(differs ? difference_to(*scraped.last, scraped.layout.value, std::move(content))
                                  : std::move(content));
    }
  }
  if (grows && scraped.totals && scraped.totals->numbers() == parts_.size()) {
    taken_ = scraped.totals->read();
  }
  choose_keys(std::max<std::size_t>(most / std::max<std::size_t>(parts_.size(), 1), 1));
  figures_.resize(keys_.size() * parts_.size());
  add_contents();
  add_taken();
}

std::span<const std::byte> MetricEntries::taken_key(std::size_t i) const {
  return std::span(taken_.keys).subspan(i * taken_.key_bytes, taken_.key_bytes);
}

std::size_t MetricEntries::taken_entries() const {
  return taken_.key_bytes == 0 ? 0 : taken_.keys.size() / taken_.key_bytes;
}

void MetricEntries::choose_keys(std::size_t most) {
  for (const MapContent& content : contents_) {
    for (std::size_t i = 0; i < content.entries; ++i) {
      keys_.push_back(bytes_text(content.key(i)));
    }
  }
  for (std::size_t i = 0; i < taken_entries(); ++i) {
    keys_.push_back(bytes_text(taken_key(i)));
  }
  std::sort(keys_.begin(), keys_.end(), is_below);
  keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  left_out_ = keys_.size() > most ? keys_.size() - most : 0;
  keys_.resize(std::min(keys_.size(), most));
}

Figure* MetricEntries::figures_of(std::string_view key) {
  const auto found = std::lower_bound(keys_.begin(), keys_.end(), key, is_below);
  const bool known = found != keys_.end() && *found == key;
  return known ? figures_.data() + static_cast<std::size_t>(found - keys_.begin()) * parts_.size() : nullptr;
}

void MetricEntries::add_contents() {
  for (const MapContent& content : contents_) {
    for (std::size_t i = 0; i < content.entries; ++i) {
      if (Figure* figures = figures_of(bytes_text(content.key(i)))) {
        add_value(figures, {content.value(i), content.stride, content.processors});
      }
    }
  }
}

void MetricEntries::add_value(Figure* figures, const ValueView& value) const {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Layout& layout = parts_[i].layout;
    const ValueView part = value.at(parts_[i].offset);
    if (layout.kind != Layout::Kind::real) {
      figures[i].integer += add_integers(layout, part);
    } else if (layout.size == sizeof(double)) {
      double number = 0;
      std::memcpy(&number, part.first, sizeof(number));
      figures[i].real += number;
    }
  }
}

void MetricEntries::add_taken() {
  for (std::size_t i = 0; i < taken_entries(); ++i) {
    Figure* figures = figures_of(bytes_text(taken_key(i)));
    for (std::size_t part = 0; figures != nullptr && part < parts_.size(); ++part) {
      const std::uint64_t number = taken_.numbers[i * parts_.size() + part];
      const bool negative = parts_[part].layout.is_signed && (number >> 63U) != 0;
      figures[part].integer += negative ? ~WideUnsigned{UINT64_MAX} | number : WideUnsigned{number};
    }
  }
}

}  // namespace nicsentry::programs
