// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <unordered_map>

#include "host/programs/lint/walk.h"

namespace nicsentry::lint {
namespace {

// Numbers of values that are the same in one state must be the same in the other.
using Pairs = std::unordered_map<std::uint32_t, std::uint32_t>;

bool pair_up(Pairs& pairs, std::uint32_t old_id, std::uint32_t id) {
  return pairs.try_emplace(old_id, id).first->second == id;
}

bool narrower(const Value& old, const Value& now) {
  return old.number.span(now.number) && old.number.bits.covers(now.number.bits);
}

// Whether what was found out from the old value on holds for the new one, too.
bool covers_value(const Value& old, const Value& now, Pairs& pairs) {
  if ((old.liveness & live::kRead) == 0) {
    return true;
  }
  const bool equal = old.same_content(now);
  if (old.kind == Kind::stack && !old.maybe_null) {
    return equal && old.frame == now.frame;
  }
  if (equal || old.kind == Kind::nothing) {
    return true;
  }
  if (now.kind == Kind::nothing) {
    return false;
  }
  switch (old.kind) {
    case Kind::scalar:
      return now.scalar() && (!old.precise || narrower(old, now));
    case Kind::map_value: {
      const bool same = old.kind == now.kind && old.maybe_null == now.maybe_null && old.offset == now.offset &&
                        old.detail == now.detail;
      if (!same) {
        return false;
      }
      return old.maybe_null ? pair_up(pairs, old.id, now.id) : narrower(old, now);
    }
    case Kind::packet:
    case Kind::packet_meta:
      if (now.kind != old.kind || old.offset != now.offset) {
        return false;
      }
      if (old.detail < 0 || now.detail < 0 ? old.detail != now.detail : old.detail > now.detail) {
        return false;
      }
      if (old.id != 0 && !pair_up(pairs, old.id, now.id)) {
        return false;
      }
      return narrower(old, now);
    default:
      return false;
  }
}

bool covers_stack(const Frame& old, const Frame& now, Pairs& pairs) {
  for (std::size_t i = 0; i < old.stack.size(); ++i) {
    const Slot& before = old.stack[i];
    if ((before.spilled.liveness & live::kRead) == 0) {
      continue;
    }
    for (std::size_t byte = 0; byte < kSlotBytes; ++byte) {
      const Byte was = before.bytes[byte];
      if (was == Byte::unset || was == Byte::data) {
        continue;
      }
      if (i >= now.stack.size() || was != now.stack[i].bytes[byte]) {
        return false;
      }
      if (byte == kSlotBytes - 1 && before.holds_register() &&
          !covers_value(before.spilled, now.stack[i].spilled, pairs)) {
        return false;
      }
    }
  }
  return true;
}

void forget_precision(State& state) {
  for (Frame& frame : state.frames) {
    for (std::size_t i = 0; i < kFramePointer; ++i) {
      Value& value = frame.registers.at(i);
      value.precise = value.precise && !value.scalar();
    }
    for (Slot& slot : frame.stack) {
      if (slot.holds_register() && slot.spilled.scalar()) {
        slot.spilled.precise = false;
      }
    }
  }
}

// Clears values that no path has read: they do not distinguish states.
void clear_unread(State& state) {
  if ((state.frames[0].registers[0].liveness & live::kFinal) != 0) {
    return;
  }
  for (Frame& frame : state.frames) {
    for (std::size_t i = 0; i < kFramePointer; ++i) {
      Value& value = frame.registers.at(i);
      const bool read = (value.liveness & live::kRead) != 0;
      value.liveness |= live::kFinal;
      if (!read) {
        value.make_unset();
      }
    }
    for (Slot& slot : frame.stack) {
      const bool read = (slot.spilled.liveness & live::kRead) != 0;
      slot.spilled.liveness |= live::kFinal;
      if (!read) {
        slot.spilled.make_unset();
        slot.bytes.fill(Byte::unset);
      }
    }
  }
}

bool same_calls(const State& a, const State& b) {
  if (a.frames.size() != b.frames.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.frames.size(); ++i) {
    if (a.frames[i].call_site != b.frames[i].call_site) {
      return false;
    }
  }
  return true;
}

bool may_loop(const State& old, const State& now) {
  if (old.frames.size() != now.frames.size()) {
    return false;
  }
  for (std::size_t i = 0; i < kRegisters; ++i) {
    if (!old.frames.back().registers.at(i).same_content(now.frames.back().registers.at(i))) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::list<std::unique_ptr<State>>& Walk::bucket() {
  const auto index =
      static_cast<std::uint32_t>(static_cast<std::int32_t>(at_) ^ static_cast<std::int32_t>(frame().call_site));
  return kept_[index % static_cast<std::uint32_t>(program_.instructions.size())];
}

void Walk::remember_jump() {
  if (points_.jump[static_cast<std::size_t>(at_)]) {
    state_.jumps.emplace_back(at_, before_);
  }
}

bool Walk::covers(State& old) {
  if (!same_calls(old, state_)) {
    return false;
  }
  for (std::size_t i = 0; i < old.frames.size(); ++i) {
    Pairs pairs;
    for (std::size_t number = 0; number < kRegisters; ++number) {
      if (!covers_value(old.frames[i].registers.at(number), state_.frames[i].registers.at(number), pairs)) {
        return false;
      }
    }
    if (!covers_stack(old.frames[i], state_.frames[i], pairs)) {
      return false;
    }
  }
  return true;
}

std::uint8_t Walk::spread_liveness(Value& value, Value& parent) {
  const std::uint8_t parent_flag = parent.liveness & live::kRead;
  const std::uint8_t flag = value.liveness & live::kRead;
  if (parent_flag == live::kRead64 || flag == 0 || parent_flag == flag) {
    return 0;
  }
  mark_read(value, &parent, flag);
  return flag;
}

// Marks as read in this state what the kept state's continuation reads.
void Walk::spread_liveness(State& old) {
  for (std::size_t i = 0; i < old.frames.size(); ++i) {
    Frame& from = old.frames[i];
    Frame& to = state_.frames[i];
    const std::size_t first = i + 1 < old.frames.size() ? BPF_REG_6 : 0;
    for (std::size_t number = first; number < kFramePointer; ++number) {
      // The current state has no readers of its own: the marks go to where its value comes from.
      if (spread_liveness(from.registers.at(number), to.registers.at(number)) == live::kRead64) {
        extend_at_definition(to.registers.at(number));
      }
    }
    for (std::size_t slot = 0; slot < from.stack.size() && slot < to.stack.size(); ++slot) {
      spread_liveness(from.stack[slot].spilled, to.stack[slot].spilled);
    }
  }
}

void Walk::settle_liveness(std::list<std::unique_ptr<State>>& states) {
  for (const auto& kept : states) {
    if (kept->branches == 0 && kept->at == at_ && same_calls(*kept, state_)) {
      clear_unread(*kept);
    }
  }
}

// Whether the rest of this path was walked before from a state that covers this one. The rules of thumb are the
// kernel's: they decide which states are kept, and so which paths are walked.
bool Walk::visited() {
  constexpr std::uint64_t kJumpsApart = 2;
  constexpr std::uint64_t kInstructionsApart = 8;
  constexpr std::uint64_t kJumpsApartInLoop = 20;
  constexpr std::uint64_t kInstructionsApartInLoop = 100;
  state_.last = before_;
  if (!points_.compare[static_cast<std::size_t>(at_)]) {
    remember_jump();
    return false;
  }
  bool keep = jumps_ - jumps_when_kept_ >= kJumpsApart && walked_ - walked_when_kept_ >= kInstructionsApart;
  auto& states = bucket();
  settle_liveness(states);
  for (auto each = states.begin(); each != states.end();) {
    State& old = **each;
    if (old.at != at_) {
      ++each;
      continue;
    }
    if (old.branches != 0) {
      if (may_loop(old, state_) && covers(old)) {
        refuse("infinite loop detected at insn " + std::to_string(at_));
      }
      if (jumps_ - jumps_when_kept_ < kJumpsApartInLoop && walked_ - walked_when_kept_ < kInstructionsApartInLoop) {
        keep = false;
      }
    } else if (covers(old)) {
      ++old.hits;
      spread_liveness(old);
      remember_jump();
      spread_precision(old);
      return true;
    }
    if (keep) {
      ++old.misses;
    }
    if (old.misses > old.hits * 3 + 3) {
      dropped_.push_back(std::move(*each));
      each = states.erase(each);
    } else {
      ++each;
    }
  }
  if (keep) {
    keep_state(states);
  } else {
    remember_jump();
  }
  return false;
}

void Walk::keep_state(std::list<std::unique_ptr<State>>& states) {
  jumps_when_kept_ = jumps_;
  walked_when_kept_ = walked_;
  forget_precision(state_);
  states.push_front(std::make_unique<State>(state_));
  State& kept = *states.front();
  kept.at = at_;
  kept.hits = 0;
  kept.misses = 0;
  state_.parent = &kept;
  state_.first = at_;
  state_.jumps.clear();
  for (std::size_t i = 0; i < state_.frames.size(); ++i) {
    Frame& now = state_.frames[i];
    Frame& before = kept.frames[i];
    // Callers keep only R6 to R9.
    for (std::size_t number = i < state_.depth() ? BPF_REG_6 : 0; number < kFramePointer; ++number) {
      now.registers.at(number).parent = &before.registers.at(number);
    }
    for (std::size_t number = 0; number < kFramePointer; ++number) {
      now.registers.at(number).liveness = 0;
    }
    for (std::size_t slot = 0; slot < now.stack.size(); ++slot) {
      now.stack[slot].spilled.liveness = 0;
      now.stack[slot].spilled.parent = &before.stack[slot].spilled;
    }
  }
}

}  // namespace nicsentry::lint
