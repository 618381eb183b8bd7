// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/values/numbers.h"

#include <utility>

#include "host/programs/values/value_json.h"

namespace nicsentry::programs {
namespace {

enum class PartsOf : std::uint8_t { numbers, labels };

bool is_numeric(const Layout& layout) {
  const bool number = layout.kind == Layout::Kind::integer || layout.kind == Layout::Kind::boolean ||
                      layout.kind == Layout::Kind::real || layout.kind == Layout::Kind::enumeration;
  return number && layout.form == Layout::Form::none;
}

void collect(std::vector<NumberPart>& parts, NumberPart part, PartsOf wanted) {
  if (parts.size() >= kNumberPartsMax) {
    return;
  }
  const Layout layout = std::move(part.layout);
  const bool whole = layout.form != Layout::Form::none;
  if (layout.kind == Layout::Kind::record && !whole) {
    for (const LayoutMember& member : layout.members) {
      NumberPart inner{part.path, part.index, part.offset + member.offset, member.layout};
      inner.path.push_back(member.name);
      collect(parts, std::move(inner), wanted);
    }
  } else if (layout.kind == Layout::Kind::list && !whole && wanted == PartsOf::numbers) {
    for (std::uint32_t i = 0; i < layout.elements; ++i) {
      NumberPart inner{part.path, part.index, part.offset + i * layout.element->size, *layout.element};
      if (part.index) {
        inner.path.push_back(std::to_string(i));
      } else {
        inner.index = i;
      }
      collect(parts, std::move(inner), wanted);
    }
  } else if (wanted == PartsOf::labels || is_numeric(layout)) {
    parts.push_back({std::move(part.path), part.index, part.offset, layout});
  }
}

std::vector<NumberPart> parts_of(const Layout& layout, PartsOf wanted) {
  std::vector<NumberPart> parts;
  collect(parts, {{}, std::nullopt, 0, layout}, wanted);
  return parts;
}

}  // namespace

std::vector<NumberPart> number_parts(const Layout& layout) { return parts_of(layout, PartsOf::numbers); }

std::vector<NumberPart> counted_parts(const Layout& layout) {
  std::vector<NumberPart> parts = number_parts(layout);
  std::erase_if(parts, [](const NumberPart& part) { return !can_add(part.layout); });
  return parts;
}

std::vector<NumberPart> label_parts(const Layout& layout) { return parts_of(layout, PartsOf::labels); }

}  // namespace nicsentry::programs
