// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/open_metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/user_pins.h"
#include "host/datapath/user_totals.h"
#include "host/programs/loaded/situation.h"
#include "host/programs/reading/exposition.h"
#include "host/programs/reading/request.h"
#include "host/programs/values/numbers.h"
#include "host/programs/values/value_json.h"

namespace nicsentry::programs {
namespace {

using MetricType = OpenMetricsMetadata::Type;

// A metric, the map or both copies of it, and what is known of its reads.
struct Scraped {
  const char* direction = "";
  MetricConfig metric;
  UserMap map;
  MapLayout layout;
  std::vector<UserMapReader> readers;  // the copy that is in use first; none where somebody removed the pins
  std::optional<UserTotals> totals;
  ReadStatistics statistics;
};

struct Figure {
  WideUnsigned integer = 0;
  double real = 0;
};

std::string_view bytes_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// As numbers of a little-endian machine.
bool is_below(std::string_view one, std::string_view two) {
  const auto byte = [](char character) { return static_cast<unsigned char>(character); };
  return std::lexicographical_compare(one.rbegin(), one.rend(), two.rbegin(), two.rend(),
                                      [&byte](char left, char right) { return byte(left) < byte(right); });
}

std::string joined(const std::string& name, const std::vector<std::string>& path) {
  std::string made = name;
  for (const std::string& part : path) {
    made += (made.empty() ? "" : "_") + part;
  }
  return made;
}

// The entries of a metric: of its map, of both copies, and of the totals, by key.
class Entries {
 public:
  Entries(const Scraped& scraped, std::size_t most) {
    const bool grows = only_grows(scraped.metric.open_metrics->type);
    parts_ = grows ? counted_parts(scraped.layout.value) : number_parts(scraped.layout.value);
    for (const UserMapReader& reader : scraped.readers) {
      if (grows || contents_.empty()) {
        contents_.push_back(reader.read());
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

  std::size_t size() const { return keys_.size(); }
  std::size_t left_out() const { return left_out_; }
  std::size_t in_use() const { return contents_.front().entries; }
  const std::byte* key(std::size_t entry) const { return reinterpret_cast<const std::byte*>(keys_[entry].data()); }
  const std::vector<NumberPart>& parts() const { return parts_; }
  const Figure& figure(std::size_t entry, std::size_t part) const { return figures_[entry * parts_.size() + part]; }

 private:
  std::span<const std::byte> taken_key(std::size_t i) const {
    return std::span(taken_.keys).subspan(i * taken_.key_bytes, taken_.key_bytes);
  }

  std::size_t taken_entries() const { return taken_.key_bytes == 0 ? 0 : taken_.keys.size() / taken_.key_bytes; }

  // The lowest ones, so that a scrape has those of the scrape before.
  void choose_keys(std::size_t most) {
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

  Figure* figures_of(std::string_view key) {
    const auto found = std::lower_bound(keys_.begin(), keys_.end(), key, is_below);
    const bool known = found != keys_.end() && *found == key;
    return known ? figures_.data() + static_cast<std::size_t>(found - keys_.begin()) * parts_.size() : nullptr;
  }

  void add_contents() {
    for (const MapContent& content : contents_) {
      for (std::size_t i = 0; i < content.entries; ++i) {
        if (Figure* figures = figures_of(bytes_text(content.key(i)))) {
          add_value(figures, {content.value(i), content.stride, content.processors});
        }
      }
    }
  }

  void add_value(Figure* figures, const ValueView& value) const {
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

  void add_taken() {
    for (std::size_t i = 0; i < taken_entries(); ++i) {
      Figure* figures = figures_of(bytes_text(taken_key(i)));
      for (std::size_t part = 0; figures != nullptr && part < parts_.size(); ++part) {
        const std::uint64_t number = taken_.numbers[i * parts_.size() + part];
        const bool negative = parts_[part].layout.is_signed && (number >> 63U) != 0;
        figures[part].integer += negative ? ~WideUnsigned{UINT64_MAX} | number : WideUnsigned{number};
      }
    }
  }

  std::vector<NumberPart> parts_;
  std::vector<MapContent> contents_;
  UserTotals::Content taken_;
  std::vector<std::string_view> keys_;
  std::size_t left_out_ = 0;
  std::vector<Figure> figures_;
};

std::string figure_text(const Layout& layout, const Figure& figure) {
  if (layout.kind == Layout::Kind::real) {
    return std::isfinite(figure.real) ? canonical_number(figure.real) : "NaN";
  }
  std::string text;
  append_integer(text, figure.integer, layout.is_signed);
  return text;
}

bool is_negative(const Layout& layout, const Figure& figure) {
  return layout.is_signed && (figure.integer >> 127U) != 0;
}

// Writes one metric.
class MetricSamples {
 public:
  MetricSamples(Exposition& exposition, const std::string& program, const Scraped& scraped, std::size_t most)
      : exposition_(exposition), scraped_(scraped), metadata_(*scraped.metric.open_metrics), entries_(scraped, most) {
    for (const Label& label : metadata_.labels) {
      add_label(constant_, "own_", label.name, label.value);
    }
    add_unless_there(constant_, "program", program);
    add_unless_there(constant_, "direction", scraped.direction);
    key_parts_ = label_parts(scraped.layout.key);
  }

  // How many series were left out.
  std::size_t write() {
    left_out_ = entries_.left_out();
    if (metadata_.type == MetricType::histogram && is_slot_map()) {
      if (left_out_ == 0) {  // without some of its slots it would be a wrong histogram
        write_map_histogram();
      }
      return left_out_;
    }
    for (std::size_t entry = 0; entry < entries_.size(); ++entry) {
      const SampleLabels labels = labels_of(entry);
      if (metadata_.type == MetricType::histogram) {
        write_histograms(entry, labels);
      } else if (metadata_.type == MetricType::summary && write_summary(entry, labels)) {
        continue;
      } else {
        write_numbers(entry, labels);
      }
    }
    return left_out_;
  }

  std::size_t in_use() const { return entries_.in_use(); }

 private:
  static void add_unless_there(SampleLabels& labels, const std::string& name, const std::string& value) {
    const bool there =
        std::any_of(labels.begin(), labels.end(), [&name](const auto& one) { return one.first == name; });
    if (!there) {
      labels.emplace_back(name, value);
    }
  }

  // A label by its own name, or with `prefix` in front where the name has another meaning.
  static void add_label(SampleLabels& labels, const char* prefix, std::string name, const std::string& value) {
    const auto taken = [&labels](const std::string& one) {
      return one == "le" || one == "quantile" || one == "index" ||
             std::any_of(labels.begin(), labels.end(), [&one](const auto& label) { return label.first == one; });
    };
    while (taken(name)) {
      name.insert(0, prefix);
    }
    labels.emplace_back(std::move(name), value);
  }

  SampleLabels labels_of(std::size_t entry) const {
    SampleLabels labels = constant_;
    if (is_array_map(scraped_.map.type) && scraped_.map.max_entries == 1) {
      return labels;
    }
    for (const NumberPart& part : key_parts_) {
      const std::string name = part.path.empty() ? "key" : label_name(joined("", part.path));
      add_label(labels, "key_", name, plain_text(part.layout, {entries_.key(entry) + part.offset, 0, 1}, {}));
    }
    return labels;
  }

  // A family's number; with the direction in its name where the name has another type.
  int family(const std::string& name, Exposition::Type type) {
    const int found = exposition_.family(name, type, metadata_.help);
    return found >= 0 ? found : exposition_.family(name + "_" + scraped_.direction, type, metadata_.help);
  }

  std::string name_of(const std::vector<std::string>& path) const {
    return metric_name(joined(scraped_.metric.name, path));
  }

  void write_numbers(std::size_t entry, const SampleLabels& labels) {
    const bool counter = metadata_.type == MetricType::counter;
    const Exposition::Type type = counter                               ? Exposition::Type::counter
                                  : metadata_.type == MetricType::gauge ? Exposition::Type::gauge
                                                                        : Exposition::Type::unknown;
    for (std::size_t i = 0; i < entries_.parts().size(); ++i) {
      const NumberPart& part = entries_.parts()[i];
      const Figure& figure = entries_.figure(entry, i);
      std::string name = name_of(part.path);
      if (counter && name.ends_with("_total")) {
        name.resize(name.size() - std::string_view("_total").size());
      }
      SampleLabels all = labels;
      if (part.index) {
        all.emplace_back("index", std::to_string(*part.index));
      }
      const int to = family(name, type);
      if (to < 0 || (counter && is_negative(part.layout, figure)) ||
          !exposition_.add(to, counter ? "_total" : "", all, figure_text(part.layout, figure))) {
        ++left_out_;
      }
    }
  }

  const Figure* find_member(std::size_t entry, const char* name) const {
    for (std::size_t i = 0; i < entries_.parts().size(); ++i) {
      const NumberPart& part = entries_.parts()[i];
      if (part.path.size() == 1 && part.path.front() == name && !part.index) {
        return &entries_.figure(entry, i);
      }
    }
    return nullptr;
  }

  bool write_summary(std::size_t entry, const SampleLabels& labels) {
    const Figure* count = find_member(entry, "count");
    const Figure* sum = find_member(entry, "sum");
    const int to = count != nullptr && sum != nullptr ? family(name_of({}), Exposition::Type::summary) : -1;
    if (to < 0) {
      return false;
    }
    const bool added = exposition_.add(to, "_count", labels, number_text(count->integer)) &&
                       exposition_.add(to, "_sum", labels, number_text(sum->integer));
    left_out_ += added ? 0 : 1;
    return true;
  }

  static std::string number_text(WideUnsigned number) {
    std::string text;
    append_integer(text, number, false);
    return text;
  }

  // An array whose elements are the slots of one histogram.
  bool is_slot_map() const {
    return is_array_map(scraped_.map.type) && entries_.parts().size() == 1 && entries_.parts()[0].path.empty() &&
           !entries_.parts()[0].index;
  }

  void write_map_histogram() {
    std::vector<WideUnsigned> slots;
    for (std::size_t entry = 0; entry < entries_.size(); ++entry) {
      slots.push_back(entries_.figure(entry, 0).integer);
    }
    write_buckets(name_of({}), constant_, slots, nullptr);
  }

  // Each list of a value is a histogram.
  void write_histograms(std::size_t entry, const SampleLabels& labels) {
    const std::vector<NumberPart>& parts = entries_.parts();
    for (std::size_t i = 0; i < parts.size();) {
      std::vector<WideUnsigned> slots;
      const std::vector<std::string>& path = parts[i].path;
      for (; i < parts.size() && parts[i].index && parts[i].path == path; ++i) {
        slots.push_back(entries_.figure(entry, i).integer);
      }
      if (slots.empty()) {
        ++i;
        continue;
      }
      const bool slots_alone = path.size() == 1 && path.front() == "slots";
      write_buckets(slots_alone ? name_of({}) : name_of(path), labels, slots, find_member(entry, "sum"));
    }
  }

  double bound_of(std::size_t slot) const {
    const Buckets& buckets = metadata_.buckets;
    switch (buckets.scale) {
      case Buckets::Scale::exp2:
        return std::ldexp(1.0, static_cast<int>(slot));
      case Buckets::Scale::linear:
        return buckets.start + static_cast<double>(slot) * buckets.width;
      default:
        return buckets.bounds[slot];
    }
  }

  void write_buckets(const std::string& name, const SampleLabels& labels, const std::vector<WideUnsigned>& slots,
                     const Figure* sum) {
    const int to = family(name, Exposition::Type::histogram);
    if (to < 0 || slots.empty()) {
      ++left_out_;
      return;
    }
    const std::size_t bounds =
        metadata_.buckets.scale == Buckets::Scale::fixed ? metadata_.buckets.bounds.size() : slots.size() - 1;
    WideUnsigned count = 0;
    bool added = true;
    for (std::size_t i = 0; i < std::max(bounds, slots.size()); ++i) {
      count += i < slots.size() ? slots[i] : 0;
      if (i < bounds && std::isfinite(bound_of(i))) {
        added = add_bucket(to, labels, canonical_number(bound_of(i)), count) && added;
      }
    }
    added = add_bucket(to, labels, "+Inf", count) && added;
    if (sum != nullptr) {
      added = exposition_.add(to, "_count", labels, number_text(count)) &&
              exposition_.add(to, "_sum", labels, number_text(sum->integer)) && added;
    }
    left_out_ += added ? 0 : 1;
  }

  bool add_bucket(int to, SampleLabels labels, const std::string& bound, WideUnsigned count) {
    labels.emplace_back("le", bound);
    return exposition_.add(to, "_bucket", labels, number_text(count));
  }

  Exposition& exposition_;
  const Scraped& scraped_;
  const OpenMetricsMetadata& metadata_;
  Entries entries_;
  SampleLabels constant_;
  std::vector<NumberPart> key_parts_;
  std::size_t left_out_ = 0;
};

// What is known of each metric and of its map.
class HealthSamples {
 public:
  explicit HealthSamples(std::string program) : program_(std::move(program)) {}

  struct Health {
    std::optional<std::size_t> entries;  // that are in the map
    std::size_t left_out = 0;            // series of this scrape
    double scrape_seconds = 0;
    bool failed = false;
  };

  void add(const Scraped& scraped, const Health& health) { all_.push_back({&scraped, health}); }

  void write(Exposition& exposition) const {
    using Type = Exposition::Type;
    write(exposition, "nicsentry_metric_map_entries", Type::gauge, "Entries of the metric's map.",
          [](const Scraped&, const Health& health) {
            return health.entries ? std::to_string(*health.entries) : std::string();
          });
    write(exposition, "nicsentry_metric_map_max_entries", Type::gauge, "Capacity of the metric's map.",
          [](const Scraped& scraped, const Health&) { return std::to_string(scraped.map.max_entries); });
    write(exposition, "nicsentry_metric_reads", Type::counter, "Reads of the metric since the load, without scrapes.",
          [](const Scraped& scraped, const Health&) { return std::to_string(scraped.statistics.reads); });
    write(exposition, "nicsentry_metric_read_errors", Type::counter, "Reads of the metric that failed.",
          [](const Scraped& scraped, const Health&) { return std::to_string(scraped.statistics.errors); });
    write(exposition, "nicsentry_metric_read_entries", Type::counter, "Entries that reads of the metric returned.",
          [](const Scraped& scraped, const Health&) { return std::to_string(scraped.statistics.entries); });
    write(exposition, "nicsentry_metric_read_seconds", Type::counter, "Time that reads of the metric took.",
          [](const Scraped& scraped, const Health&) {
            return canonical_number(static_cast<double>(scraped.statistics.nanoseconds) / 1e9);
          });
    write(exposition, "nicsentry_metric_totals_left_out", Type::counter,
          "Entries that reads took and that no series has: there was no room for them.",
          [](const Scraped& scraped, const Health&) { return std::to_string(scraped.statistics.left_out); });
    write(exposition, "nicsentry_metric_scrape_seconds", Type::gauge, "Time that this scrape of the metric took.",
          [](const Scraped&, const Health& health) { return canonical_number(health.scrape_seconds); });
    write(exposition, "nicsentry_metric_scrape_failed", Type::gauge, "1 if this scrape could not read the map.",
          [](const Scraped&, const Health& health) { return std::string(health.failed ? "1" : "0"); });
    write(exposition, "nicsentry_metric_series_left_out", Type::gauge,
          "Entries and series of the metric that this scrape left out.",
          [](const Scraped&, const Health& health) { return std::to_string(health.left_out); });
  }

 private:
  template <typename Value>
  void write(Exposition& exposition, const std::string& name, Exposition::Type type, const char* help,
             Value value) const {
    const int family = exposition.family(name, type, help);
    for (const auto& [scraped, health] : all_) {
      const std::string text = value(*scraped, health);
      if (!text.empty() && family >= 0) {
        exposition.add(family, type == Exposition::Type::counter ? "_total" : "",
                       {{"program", program_},
                        {"direction", scraped->direction},
                        {"metric", scraped->metric.name},
                        {"map", scraped->map.name}},
                       text);
      }
    }
  }

  std::string program_;
  std::vector<std::pair<const Scraped*, Health>> all_;
};

// The copy that is in use first, where a path has two.
std::vector<std::filesystem::path> maps_of(const UserPins& pins, const std::string& name, const Situation& situation,
                                           const KnownLoad& load, const PathRecord& path) {
  std::vector<std::filesystem::path> maps = {pins.maps_directory(name, load.pins.number, path.pin())};
  const std::vector<const PinnedProgram*> copies = copies_of(load, path);
  if (copies.size() == 2) {
    maps.push_back(pins.maps_directory(name, load.pins.number, path.other_pin()));
    const bool other = std::any_of(situation.on_hooks.begin(), situation.on_hooks.end(),
                                   [&copies](const OnHook& one) { return one.id == copies[1]->id; });
    if (other) {
      std::swap(maps[0], maps[1]);
    }
  }
  return maps;
}

std::vector<UserMapReader> open_copies(const std::vector<std::filesystem::path>& maps, const std::string& map,
                                       const std::string& name) {
  std::vector<UserMapReader> readers;
  const std::string what = map + " of program " + name;
  for (const std::filesystem::path& directory : maps) {
    if (std::filesystem::exists(directory / map)) {
      readers.push_back(UserMapReader::open(directory / map, what));
    }
  }
  return readers;
}

void open_path(std::vector<Scraped>& all, const UserPins& pins, const std::string& name, const Situation& situation,
               const KnownLoad& load, const PathRecord& path, const ReadRequest& request) {
  const std::string types = pins.types(name, load.pins.number, path.pin());
  const auto maps = maps_of(pins, name, situation, load, path);
  const auto reads = ReadStatisticsMap::open(pins.reads(name, load.pins.number, path.pin()));
  const std::vector<MetricConfig> metrics = metrics_of(path);
  for (std::uint32_t i = 0; i < metrics.size(); ++i) {
    const auto map = std::find_if(path.maps.begin(), path.maps.end(),
                                  [&metrics, i](const UserMap& one) { return one.name == metrics[i].map; });
    if (!is_wanted(metrics[i], request) || map == path.maps.end()) {
      continue;
    }
    all.push_back({path.pin(), metrics[i], *map,
                   layout_of_map(std::as_bytes(std::span(types)), map->name, map->key_bytes, map->value_bytes),
                   open_copies(maps, map->name, name),
                   UserTotals::open(pins.totals(name, load.pins.number, path.pin(), std::to_string(i))),
                   reads ? reads->get(i) : ReadStatistics()});
  }
}

HealthSamples::Health scrape(Exposition& exposition, const std::string& name, const Scraped& scraped,
                             std::size_t series_most) {
  HealthSamples::Health health;
  const auto began = std::chrono::steady_clock::now();
  health.failed = scraped.readers.empty();
  if (!health.failed && !is_queue_map(scraped.map.type)) {
    try {
      if (scraped.metric.open_metrics) {
        MetricSamples samples(exposition, name, scraped, series_most);
        health.left_out = samples.write();
        health.entries = samples.in_use();
      } else {
        health.entries = scraped.readers.front().read().entries;
      }
    } catch (const Error&) {  // the others can be read, and a series says it
      health.failed = true;
    }
  }
  health.scrape_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return health;
}

}  // namespace

std::string open_metrics_text(const std::string& monitor, const ReadRequest& request, std::size_t series_most) {
  const UniqueFd lock = UserPins::lock_readers(monitor);  // a read that takes and adds up is seen whole
  std::vector<Scraped> all;
  {
    const UserPins pins = UserPins::open();
    const Situation situation = look_at(pins, monitor);
    const KnownLoad& load = load_of(situation, monitor);
    check_request(monitor, *load.record, request);
    for (const PathRecord& path : load.record->paths) {
      if (is_wanted(path, request.direction)) {
        open_path(all, pins, monitor, situation, load, path, request);
      }
    }
  }
  Exposition exposition;
  HealthSamples health(monitor);
  for (const Scraped& one : all) {
    health.add(one, scrape(exposition, monitor, one, series_most));
  }
  health.write(exposition);
  return exposition.text();
}

}  // namespace nicsentry::programs
