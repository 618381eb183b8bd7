// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nicsentry {

using SampleLabels = std::vector<std::pair<std::string, std::string>>;

// The two forms of a text of metrics that Prometheus reads.
enum class TextFormat : std::uint8_t { open_metrics, prometheus };  // OpenMetrics 1.0, Prometheus 0.0.4

// The form that a header Accept prefers: OpenMetrics where it is named with at least the weight of plain text. `accept`
// may be empty, as of a client that sends none.
TextFormat choose_text_format(std::string_view accept);
const char* media_type(TextFormat format);

// A text of metrics: families of samples, each family's lines together.
class Exposition {
 public:
  enum class Type { counter, gauge, histogram, summary, info, unknown };

  // The number of a family; that of the one that has this name and type already. -1: it would have the name of another
  // family, or of another's samples.
  int family(const std::string& name, Type type, const std::string& help);
  // False, and nothing is added, where the family has this sample already.
  bool add(int family, std::string_view suffix, const SampleLabels& labels, const std::string& value);
  std::string text(TextFormat format = TextFormat::open_metrics) const;

 private:
  struct Family {
    std::string name;
    Type type = Type::unknown;
    std::string help;
    std::string samples;
    std::set<std::string> known;
  };
  std::vector<Family> families_;
  std::map<std::string, int> names_;  // that families and their samples can have, with the family's number
};

// A name as OpenMetrics has it: other characters become _.
std::string metric_name(std::string_view text);
std::string label_name(std::string_view text);
// A number as OpenMetrics wants it in `le`: with a point or an exponent.
std::string canonical_number(double number);

}  // namespace nicsentry
