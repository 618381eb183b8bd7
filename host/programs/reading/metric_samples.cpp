// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/metric_samples.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

namespace nicsentry::programs {
namespace {

using MetricType = OpenMetricsMetadata::Type;
using Slots = std::vector<std::optional<WideUnsigned>>;

std::string joined(const std::string& name, const std::vector<std::string>& path) {
  std::string made = name;
  for (const std::string& part : path) {
    made += (made.empty() ? "" : "_") + part;
  }
  return made;
}

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

  WrittenMetric write() {
    left_out_ = entries_.left_out();
    if (metadata_.type != MetricType::histogram || !is_slot_map()) {
      write_entries();
    } else if (left_out_ == 0) {  // without some of its slots it would be a wrong histogram
      write_map_histogram();
    }
    return {entries_.in_use(), left_out_};
  }

 private:
  void write_entries() {
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
  }

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

  // A family's number; with the direction in its name where another family or its samples have the name.
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

  // The part that is the value's member of this name.
  std::optional<std::size_t> find_member(const char* name) const {
    const std::vector<NumberPart>& parts = entries_.parts();
    const auto found = std::find_if(parts.begin(), parts.end(), [name](const NumberPart& part) {
      return part.path.size() == 1 && part.path.front() == name && !part.index;
    });
    return found != parts.end() ? std::optional(static_cast<std::size_t>(found - parts.begin())) : std::nullopt;
  }

  // An integer of an entry. Nothing for one below 0, which a histogram or summary cannot have.
  std::optional<WideUnsigned> count_at(std::size_t entry, std::size_t part) const {
    const Figure& figure = entries_.figure(entry, part);
    return is_negative(entries_.parts()[part].layout, figure) ? std::nullopt : std::optional(figure.integer);
  }

  bool write_summary(std::size_t entry, const SampleLabels& labels) {
    const auto count_part = find_member("count");
    const auto sum_part = find_member("sum");
    const int to = count_part && sum_part ? family(name_of({}), Exposition::Type::summary) : -1;
    if (to < 0) {
      return false;
    }
    for (const auto& [part, suffix] : {std::pair(*count_part, "_count"), std::pair(*sum_part, "_sum")}) {
      const auto number = count_at(entry, part);
      left_out_ += number && exposition_.add(to, suffix, labels, number_text(*number)) ? 0 : 1;
    }
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
    Slots slots;
    for (std::size_t entry = 0; entry < entries_.size(); ++entry) {
      slots.push_back(count_at(entry, 0));
    }
    write_buckets(name_of({}), constant_, slots, std::nullopt);
  }

  // Each list of a value is a histogram.
  void write_histograms(std::size_t entry, const SampleLabels& labels) {
    const std::vector<NumberPart>& parts = entries_.parts();
    const auto sum_part = find_member("sum");
    const auto sum = sum_part ? count_at(entry, *sum_part) : std::nullopt;
    left_out_ += sum_part && !sum ? 1 : 0;
    for (std::size_t i = 0; i < parts.size();) {
      Slots slots;
      const std::vector<std::string>& path = parts[i].path;
      for (; i < parts.size() && parts[i].index && parts[i].path == path; ++i) {
        slots.push_back(count_at(entry, i));
      }
      if (slots.empty()) {
        ++i;
        continue;
      }
      const bool slots_alone = path.size() == 1 && path.front() == "slots";
      write_buckets(slots_alone ? name_of({}) : name_of(path), labels, slots, sum);
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

  // Without a slot below 0, which no histogram has. One with a bound below 0 has no sum.
  void write_buckets(const std::string& name, const SampleLabels& labels, const Slots& slots,
                     const std::optional<WideUnsigned>& sum) {
    const bool whole =
        !slots.empty() && std::all_of(slots.begin(), slots.end(), [](const auto& one) { return one.has_value(); });
    const int to = whole ? family(name, Exposition::Type::histogram) : -1;
    if (to < 0) {
      ++left_out_;
      return;
    }
    const std::size_t bounds =
        metadata_.buckets.scale == Buckets::Scale::fixed ? metadata_.buckets.bounds.size() : slots.size() - 1;
    WideUnsigned count = 0;
    bool added = true;
    for (std::size_t i = 0; i < std::max(bounds, slots.size()); ++i) {
      count += i < slots.size() ? *slots[i] : 0;
      // Bounds that a number cannot tell apart are one bucket, which counts the slots of all of them.
      const bool last = i + 1 >= bounds || bound_of(i + 1) > bound_of(i);
      if (i < bounds && std::isfinite(bound_of(i)) && last) {
        added = add_bucket(to, labels, canonical_number(bound_of(i)), count) && added;
      }
    }
    added = add_bucket(to, labels, "+Inf", count) && added;
    if (sum && (bounds == 0 || bound_of(0) >= 0)) {
      added = exposition_.add(to, "_count", labels, number_text(count)) &&
              exposition_.add(to, "_sum", labels, number_text(*sum)) && added;
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
  MetricEntries entries_;
  SampleLabels constant_;
  std::vector<NumberPart> key_parts_;
  std::size_t left_out_ = 0;
};

}  // namespace

WrittenMetric write_metric(Exposition& exposition, const std::string& program, const Scraped& scraped,
                           std::size_t most) {
  return MetricSamples(exposition, program, scraped, most).write();
}

}  // namespace nicsentry::programs
