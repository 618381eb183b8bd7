// SPDX-License-Identifier: GPL-2.0-only
#include "card_rules.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>

namespace nicsentry::testing {
namespace {

// Kernel: drivers/net/ethernet/netronome/nfp/bpf/{verifier,offload}.c; the numbers are those that the firmware reports.
constexpr std::uint64_t kElementBytes = 64;
constexpr std::uint64_t kElements = 3'072'000;
constexpr std::array kHelpers = {BPF_FUNC_map_lookup_elem, BPF_FUNC_get_prandom_u32, BPF_FUNC_perf_event_output};

using Rules = std::vector<std::string>;

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

std::string* messages = nullptr;

int collect(libbpf_print_level, const char* format, va_list arguments) {
  if (messages != nullptr) {
    std::array<char, 4096> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    *messages += line.data();
  }
  return 0;
}

Object open_object(const std::filesystem::path& path) {
  libbpf_set_print(collect);
  Object object(bpf_object__open_file(path.c_str(), nullptr));
  if (!object) {
    throw std::runtime_error("cannot open " + path.string());
  }
  return object;
}

std::uint64_t rounded(std::uint64_t bytes) { return (bytes + 7) / 8 * 8; }

void check_maps(const bpf_object* object, Rules& broken) {
  std::uint64_t elements = 0;
  unsigned event_arrays = 0;
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string plain_name = bpf_map__name(map);
    if (bpf_map__is_internal(map)) {
      broken.push_back("map " + plain_name.substr(plain_name.find('.')) + ": global data");  // libbpf's OBJECT.SECTION
      continue;
    }
    const std::string name = "map " + plain_name;
    if (bpf_map__map_flags(map) != 0) {
      broken.push_back(name + ": flags");
    }
    if (bpf_map__type(map) == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
      ++event_arrays;
      continue;
    }
    if (bpf_map__type(map) != BPF_MAP_TYPE_ARRAY) {
      broken.push_back(name + ": type " + std::to_string(bpf_map__type(map)));
    }
    if (rounded(bpf_map__key_size(map)) + rounded(bpf_map__value_size(map)) > kElementBytes) {
      broken.push_back(name + ": element size");
    }
    elements += bpf_map__max_entries(map);
  }
  if (elements > kElements) {
    broken.push_back("elements of all maps: " + std::to_string(elements));
  }
  if (event_arrays > 1) {
    broken.push_back("event arrays: " + std::to_string(event_arrays));
  }
}

std::string broken_by_call(const bpf_insn& instruction) {
  if (instruction.src_reg == BPF_PSEUDO_CALL) {
    return "call of a function";  // whose instructions are not checked here
  }
  if (instruction.src_reg != 0) {
    return "call of a kernel function";
  }
  for (const auto helper : kHelpers) {
    if (instruction.imm == static_cast<int>(helper)) {
      return {};
    }
  }
  return "helper " + std::to_string(instruction.imm);
}

// On the card a word of a map is either read or added to, and never stored. Our programs store to nothing but their
// stack, always by its own register: whatever else is stored to is taken for a map's value.
std::string broken_by(const bpf_insn& instruction) {
  const unsigned instruction_class = BPF_CLASS(instruction.code);
  const bool is_jump = instruction_class == BPF_JMP || instruction_class == BPF_JMP32;
  if (is_jump && BPF_OP(instruction.code) == BPF_CALL) {
    return broken_by_call(instruction);
  }
  if (instruction_class != BPF_ST && instruction_class != BPF_STX) {
    return {};
  }
  if (instruction_class == BPF_STX && BPF_MODE(instruction.code) == BPF_ATOMIC) {
    return instruction.imm == BPF_ADD ? "" : "atomic operation " + std::to_string(instruction.imm);
  }
  return instruction.dst_reg == BPF_REG_10 ? "" : "store outside the stack";
}

void check_instructions(const bpf_program* program, Rules& broken) {
  const std::span instructions(bpf_program__insns(program), bpf_program__insn_cnt(program));
  std::set<std::string> found;
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    if (const std::string rule = broken_by(instructions[i]); !rule.empty()) {
      found.insert(rule);
    }
    if (instructions[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
      ++i;  // the other half of its constant
    }
  }
  broken.insert(broken.end(), found.begin(), found.end());
}

}  // namespace

std::vector<std::string> broken_rules(const std::filesystem::path& path) {
  const Object object = open_object(path);
  Rules broken;
  check_maps(object.get(), broken);
  const bpf_program* program = bpf_object__next_program(object.get(), nullptr);
  if (program == nullptr) {
    broken.emplace_back("no program");
  }
  for (; program != nullptr; program = bpf_object__next_program(object.get(), const_cast<bpf_program*>(program))) {
    check_instructions(program, broken);
  }
  return broken;
}

std::string kernel_refusal(const std::filesystem::path& path) {
  const Object object = open_object(path);
  std::string said;
  messages = &said;
  const int result = bpf_object__load(object.get());
  messages = nullptr;
  if (result == 0) {
    return {};
  }
  return "error " + std::to_string(-result) + ": " + said;
}

}  // namespace nicsentry::testing
