// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/state.h"

namespace nicsentry::lint {

void Value::make_unknown() {
  kind = Kind::scalar;
  maybe_null = false;
  offset = 0;
  detail = 0;
  id = 0;
  number = Bounds{};
  frame = 0;
  precise = false;
}

void Value::make_unset() {
  make_unknown();
  kind = Kind::nothing;
}

void Value::make_known(std::uint64_t known) {
  offset = 0;
  detail = 0;
  id = 0;
  number = Bounds::constant(known);
}

void Value::copy_from(const Value& other) {
  Value* const kept_parent = parent;
  const std::uint8_t kept_liveness = liveness;
  *this = other;
  parent = kept_parent;
  liveness = kept_liveness;
}

bool Value::same_content(const Value& other) const {
  return kind == other.kind && maybe_null == other.maybe_null && offset == other.offset && detail == other.detail &&
         id == other.id && number == other.number;
}

}  // namespace nicsentry::lint
