// SPDX-License-Identifier: GPL-2.0-or-later
#include "card_rules.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>

namespace nicsentry::testing {
namespace {

// Kernel: drivers/net/ethernet/netronome/nfp/bpf/{verifier,offload}.c; the numbers are the firmware's.
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
      broken.push_back("map " + plain_name.substr(plain_name.find('.')) + ": global data");  // libbpf: OBJECT.SECTION
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
    return {};  // functions of the same object are checked separately
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

// Tracks which registers and stack slots hold a pointer into a map's value. Follows copies from the lookup on,
// instruction by instruction, without regard to jumps.
class MapPointers {
 public:
  bool in(unsigned reg) const { return registers_.contains(reg); }

  void follow(const bpf_insn& instruction) {
    const unsigned instruction_class = BPF_CLASS(instruction.code);
    if (instruction.code == (BPF_ALU64 | BPF_MOV | BPF_X)) {
      set(registers_, instruction.dst_reg, in(instruction.src_reg));
    } else if (instruction.code == (BPF_STX | BPF_MEM | BPF_DW) && instruction.dst_reg == BPF_REG_10) {
      set(stack_, instruction.off, in(instruction.src_reg));
    } else if (instruction_class == BPF_LDX) {
      set(registers_, instruction.dst_reg,
          instruction.src_reg == BPF_REG_10 && instruction.code == (BPF_LDX | BPF_MEM | BPF_DW) &&
              stack_.contains(instruction.off));
    } else if (instruction_class == BPF_LD || is_call(instruction)) {
      set(registers_, instruction.dst_reg, false);
      set(registers_, BPF_REG_0,
          is_call(instruction) && instruction.imm == BPF_FUNC_map_lookup_elem && instruction.src_reg == 0);
    }
  }

  static bool is_call(const bpf_insn& instruction) { return instruction.code == (BPF_JMP | BPF_CALL); }

 private:
  template <typename Place>
  static void set(std::set<Place>& places, std::type_identity_t<Place> place, bool holds) {
    if (holds) {
      places.insert(place);
    } else {
      places.erase(place);
    }
  }

  std::set<unsigned> registers_;
  std::set<std::int16_t> stack_;
};

// Programs on the card may read a word of a map or add to it, but not both, and may never store.
std::string broken_by(const bpf_insn& instruction, const MapPointers& pointers) {
  const unsigned instruction_class = BPF_CLASS(instruction.code);
  if (MapPointers::is_call(instruction)) {
    return broken_by_call(instruction);
  }
  if (instruction_class != BPF_ST && instruction_class != BPF_STX) {
    return {};
  }
  if (instruction_class == BPF_STX && BPF_MODE(instruction.code) == BPF_ATOMIC) {
    return instruction.imm == BPF_ADD ? "" : "atomic operation " + std::to_string(instruction.imm);
  }
  return pointers.in(instruction.dst_reg) ? "store to a map's value" : "";
}

void check_instructions(std::span<const bpf_insn> instructions, Rules& broken) {
  std::set<std::string> found;
  MapPointers pointers;
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    if (const std::string rule = broken_by(instructions[i], pointers); !rule.empty()) {
      found.insert(rule);
    }
    pointers.follow(instructions[i]);
    if (instructions[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
      ++i;  // skips the second half of the constant
    }
  }
  broken.insert(broken.end(), found.begin(), found.end());
}

// Returns the functions that programs call. They are in a section of their own, which libbpf does not show.
std::vector<bpf_insn> functions(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  elf_version(EV_CURRENT);
  Elf* elf = elf_begin(file, ELF_C_READ, nullptr);
  std::vector<bpf_insn> instructions;
  std::size_t names = 0;
  elf_getshdrstrndx(elf, &names);
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
    GElf_Shdr header{};
    if (gelf_getshdr(section, &header) != nullptr &&
        std::string_view(elf_strptr(elf, names, header.sh_name)) == ".text") {
      const Elf_Data* data = elf_getdata(section, nullptr);
      const auto* first = static_cast<const bpf_insn*>(data->d_buf);
      instructions.assign(first, first + data->d_size / sizeof(bpf_insn));
    }
  }
  elf_end(elf);
  close(file);
  return instructions;
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
    check_instructions({bpf_program__insns(program), bpf_program__insn_cnt(program)}, broken);
  }
  check_instructions(functions(path), broken);
  return broken;
}

namespace {

// The time of this thread, the kernel's work for it included: what runs beside it does not count.
double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

Verified verify(const std::filesystem::path& path, bool on) {
  const Object object = open_object(path);
  bpf_map* map = bpf_object__find_map_by_name(object.get(), ".rodata.live");
  const std::uint32_t all[] = {1, 2};  // struct switches of bpf_offload/types.h: hits, copies are left out
  if (on && (map == nullptr || bpf_map__set_initial_value(map, all, sizeof(all)) != 0)) {
    return {path.string() + " has no switches", 0, 0};
  }
  std::string said;
  messages = &said;
  const double began = processor_seconds();
  const int result = bpf_object__load(object.get());
  messages = nullptr;
  Verified verified;
  verified.seconds = processor_seconds() - began;
  if (result != 0) {
    verified.refusal = "error " + std::to_string(-result) + ": " + said;
    return verified;
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0) {
      verified.instructions = std::max(verified.instructions, info.verified_insns);
    }
  }
  return verified;
}

}  // namespace nicsentry::testing
