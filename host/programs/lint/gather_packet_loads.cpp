// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "host/programs/lint/translated.h"

namespace nicsentry::lint {
namespace {

constexpr int kFetchMax = 64;  // bytes

struct Fetch {
  Translated* first = nullptr;
  int start = 0;
  int end = 0;
};

void store_range(Fetch& fetch) {
  if (fetch.first != nullptr) {
    fetch.first->fetch_start = static_cast<std::int16_t>(fetch.start);
    fetch.first->fetch_end = static_cast<std::int16_t>(fetch.end);
  }
}

// Widens the fetch by a load over the same pointer, if it stays small enough.
bool widen(Fetch& fetch, const Translated& load) {
  if (load.facts->pointer_id != fetch.first->facts->pointer_id ||
      load.facts->pointer_offset != fetch.first->facts->pointer_offset) {
    return false;
  }
  const int offset = load.instruction.off;
  const int start = std::min(fetch.start, offset);
  const int end = std::max(fetch.end, offset + static_cast<int>(access_bytes(load.instruction)));
  if (end - start > kFetchMax) {
    return false;
  }
  fetch.start = start;
  fetch.end = end;
  return true;
}

bool ends_fetch(const Translated& at) { return at.stores_packet() || is_call(at.instruction); }

}  // namespace

void gather_packet_loads(std::vector<Translated>& program) {
  Fetch fetch;
  bool valid = false;
  for (Translated& at : program) {
    if (at.jump_target) {
      valid = false;
    }
    if (at.skipped()) {
      continue;
    }
    if (ends_fetch(at)) {
      valid = false;
      continue;
    }
    if (!is_load(at.instruction)) {
      continue;
    }
    if (at.facts->pointer != Kind::packet || at.copied_bytes != 0) {
      valid = false;
      continue;
    }
    if (valid && widen(fetch, at)) {
      continue;
    }
    valid = true;
    store_range(fetch);
    at.fetches = true;
    fetch = {&at, at.instruction.off, at.instruction.off + static_cast<int>(access_bytes(at.instruction))};
  }
  store_range(fetch);

  Translated range;
  for (Translated& at : program) {
    if (at.skipped() || !at.loads_packet() || at.copied_bytes != 0) {
      continue;
    }
    if (at.fetches) {
      range = at;
    } else {
      at.fetch_start = range.fetch_start;
      at.fetch_end = range.fetch_end;
    }
  }
}

}  // namespace nicsentry::lint
