// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdlib>

#include "host/programs/lint/translated.h"

namespace nicsentry::lint {
namespace {

constexpr int kCopyMax = 128;  // bytes of one command

// A chain of load/store pairs over neighbouring addresses.
struct Chain {
  Translated* head_load = nullptr;
  Translated* head_store = nullptr;
  const Translated* last_load = nullptr;
  const Translated* last_store = nullptr;
  int bytes = 0;
  unsigned pairs = 0;
};

bool is_copy(const Translated& load, const Translated& store) {
  if (!is_load(load.instruction) || !is_store(store.instruction)) {
    return false;
  }
  const bool from_memory = load.facts->pointer == Kind::packet || load.facts->pointer == Kind::map_value;
  return from_memory && store.facts->pointer == Kind::packet &&
         access_bytes(load.instruction) == access_bytes(store.instruction) &&
         load.instruction.dst_reg == store.instruction.src_reg && !store.jump_target;
}

bool continues(const Chain& chain, const Translated& load, const Translated& store) {
  const Instruction& before_load = chain.last_load->instruction;
  const Instruction& before_store = chain.last_store->instruction;
  const Instruction& l = load.instruction;
  const Instruction& s = store.instruction;
  if (l.dst_reg != before_load.dst_reg || l.src_reg != before_load.src_reg || s.dst_reg != before_store.dst_reg ||
      access_bytes(l) != access_bytes(before_load) || load.jump_target) {
    return false;
  }
  const int bytes = static_cast<int>(access_bytes(l));
  const bool upwards = before_load.off + bytes == l.off && before_store.off + bytes == s.off;
  const bool downwards = l.off + bytes == before_load.off && s.off + bytes == before_store.off;
  return upwards || downwards;
}

// Whether a load reads what an earlier pair of the chain has stored.
bool reads_own_stores(const Chain& chain, const Translated& load) {
  const InstructionFacts& from = *chain.head_load->facts;
  const InstructionFacts& to = *chain.head_store->facts;
  if (from.pointer != to.pointer) {
    return false;
  }
  if (from.pointer_id != to.pointer_id) {
    return true;
  }
  const auto head_load = static_cast<std::int16_t>(chain.head_load->instruction.off + from.pointer_offset);
  const auto head_store = static_cast<std::int16_t>(chain.head_store->instruction.off + to.pointer_offset);
  const auto now = static_cast<std::int16_t>(load.instruction.off + from.pointer_offset);
  const bool upwards = now > head_load && head_load < head_store && now >= head_store;
  const bool downwards = now < head_load && head_load > head_store && now <= head_store;
  return upwards || downwards;
}

void finish(Chain& chain) {
  if (chain.pairs <= 1) {
    return;
  }
  Translated& head = *chain.head_load;
  head.copied_bytes = static_cast<unsigned>(chain.bytes);
  head.store_offset = chain.head_store->instruction.off;
  if (chain.last_load->instruction.off < head.instruction.off) {
    head.instruction.off = chain.last_load->instruction.off;
    head.store_offset = chain.last_store->instruction.off;
    head.copied_downwards = true;
  }
  chain.head_store->absorbed = true;
}

Chain begin(Translated& load, Translated& store) {
  return {&load, &store, &load, &store, static_cast<int>(access_bytes(load.instruction)), 1};
}

}  // namespace

void gather_copies(std::vector<Translated>& program) {
  Chain chain;
  for (std::size_t i = 0; i + 1 < program.size(); ++i) {
    Translated& load = program[i];
    Translated& store = program[i + 1];
    const bool copy = is_copy(load, store);
    if (copy && chain.pairs != 0 && continues(chain, load, store) && !reads_own_stores(chain, load) &&
        chain.bytes < kCopyMax) {
      load.absorbed = true;
      store.absorbed = true;
      chain.last_load = &load;
      chain.last_store = &store;
      chain.bytes += static_cast<int>(access_bytes(load.instruction));
      ++chain.pairs;
    } else {
      finish(chain);
      chain = copy ? begin(load, store) : Chain{};
    }
    if (copy) {
      ++i;  // the store
    }
  }
}

}  // namespace nicsentry::lint
