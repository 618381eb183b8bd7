// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/program_image.h"

#include <iterator>

namespace nicsentry::lint {

const SourceLine* ProgramImage::line_of(std::size_t instruction) const {
  const auto after = lines.upper_bound(instruction);
  if (after == lines.begin()) {
    return nullptr;
  }
  const auto found = std::prev(after);
  // A function without lines must not show those of the function before it.
  return found->first >= functions[function_of(instruction)].first ? &found->second : nullptr;
}

std::size_t ProgramImage::function_of(std::size_t instruction) const {
  std::size_t found = 0;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (functions[i].first <= instruction && functions[i].first >= functions[found].first) {
      found = i;
    }
  }
  return found;
}

}  // namespace nicsentry::lint
