// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "host/programs/lint/driver_rules.h"
#include "host/programs/lint/firmware.h"
#include "host/programs/lint/kernel_refusal.h"
#include "host/programs/lint/program_image.h"
#include "host/programs/lint/walk.h"

// Programs for tests, an instruction at a time.
namespace nicsentry::lint::assembly {

inline Instruction make(unsigned code, unsigned target, unsigned source, int offset, std::int32_t constant) {
  Instruction instruction{};
  instruction.code = static_cast<__u8>(code);
  instruction.dst_reg = target & 15U;
  instruction.src_reg = source & 15U;
  instruction.off = static_cast<__s16>(offset);
  instruction.imm = constant;
  return instruction;
}

inline Instruction alu(unsigned operation, unsigned target, std::int32_t constant) {
  return make(BPF_ALU64 | operation | BPF_K, target, 0, 0, constant);
}
inline Instruction alu_reg(unsigned operation, unsigned target, unsigned source) {
  return make(BPF_ALU64 | operation | BPF_X, target, source, 0, 0);
}
inline Instruction alu32(unsigned operation, unsigned target, std::int32_t constant) {
  return make(BPF_ALU | operation | BPF_K, target, 0, 0, constant);
}
inline Instruction alu32_reg(unsigned operation, unsigned target, unsigned source) {
  return make(BPF_ALU | operation | BPF_X, target, source, 0, 0);
}
inline Instruction move(unsigned target, std::int32_t constant) { return alu(BPF_MOV, target, constant); }
inline Instruction move_reg(unsigned target, unsigned source) { return alu_reg(BPF_MOV, target, source); }
inline Instruction load(unsigned size, unsigned target, unsigned base, int offset) {
  return make(BPF_LDX | BPF_MEM | size, target, base, offset, 0);
}
inline Instruction store(unsigned size, unsigned base, int offset, unsigned source) {
  return make(BPF_STX | BPF_MEM | size, base, source, offset, 0);
}
inline Instruction store_constant(unsigned size, unsigned base, int offset, std::int32_t constant) {
  return make(BPF_ST | BPF_MEM | size, base, 0, offset, constant);
}
inline Instruction atomic(unsigned size, unsigned base, int offset, unsigned source, std::int32_t operation) {
  return make(BPF_STX | BPF_ATOMIC | size, base, source, offset, operation);
}
inline Instruction jump(unsigned operation, unsigned target, std::int32_t constant, int offset) {
  return make(BPF_JMP | operation | BPF_K, target, 0, offset, constant);
}
inline Instruction jump_reg(unsigned operation, unsigned target, unsigned source, int offset) {
  return make(BPF_JMP | operation | BPF_X, target, source, offset, 0);
}
inline Instruction jump_always(int offset) { return make(BPF_JMP | BPF_JA, 0, 0, offset, 0); }
inline Instruction call(std::int32_t helper) { return make(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
inline Instruction call_function(std::int32_t distance) {
  return make(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, distance);
}
inline Instruction leave() { return make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

using Code = std::vector<Instruction>;

inline Code operator+(Code a, const Code& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Code map_pointer(unsigned target, std::int32_t map) {
  return {make(BPF_LD | BPF_IMM | BPF_DW, target, BPF_PSEUDO_MAP_FD, 0, map), make(0, 0, 0, 0, 0)};
}

// R6: the context. R7: the packet, of which 64 bytes are there. Without them the program passes the packet.
inline Code packet() {
  return {move_reg(6, 1),      load(BPF_W, 7, 1, 0),       load(BPF_W, 2, 1, 4), move_reg(3, 7),
          alu(BPF_ADD, 3, 64), jump_reg(BPF_JLE, 3, 2, 2), move(0, XDP_PASS),    leave()};
}

// R0: the value of element 0 of that map. Without it the program passes the packet.
inline Code lookup(std::int32_t map = 0) {
  return Code{move(1, 0), store(BPF_W, 10, -4, 1), move_reg(2, 10), alu(BPF_ADD, 2, -4)} + map_pointer(1, map) +
         Code{call(BPF_FUNC_map_lookup_elem), jump(BPF_JNE, 0, 0, 2), move(0, XDP_PASS), leave()};
}

inline Code pass() { return {move(0, XDP_PASS), leave()}; }

inline MapDefinition array(std::uint32_t value_bytes = 16) {
  MapDefinition map;
  map.name = "values";
  map.type = BPF_MAP_TYPE_ARRAY;
  map.key_bytes = 4;
  map.value_bytes = value_bytes;
  map.max_entries = 8;
  return map;
}

inline MapDefinition events() {
  MapDefinition map;
  map.name = "events";
  map.type = BPF_MAP_TYPE_PERF_EVENT_ARRAY;
  map.key_bytes = 4;
  map.value_bytes = 4;
  return map;
}

inline ProgramImage program(Code code, std::vector<MapDefinition> maps = {array()}) {
  ProgramImage image;
  image.name = "program";
  image.section = "xdp";
  image.gpl = true;
  image.instructions = std::move(code);
  image.maps = std::move(maps);
  image.functions.push_back({"program", 0, false, {}});
  return image;
}

// The first message of the driver on a program; "" if there is none. "kernel: " stands before what the kernel says.
inline std::string said_of(const ProgramImage& image, const std::string& firmware_name = "agilio-bpf") {
  const Firmware firmware = find_firmware(firmware_name);
  DriverRules rules(image, firmware);
  std::string kernel;
  try {
    Walk(image, rules).run();
  } catch (const KernelRefusal& refusal) {
    kernel = "kernel: " + refusal.message;
  }
  return rules.findings().empty() ? kernel : rules.findings().front().driver_says;
}

inline ProgramFacts facts_of(const ProgramImage& image) {
  const Firmware firmware = find_firmware("agilio-bpf");
  DriverRules rules(image, firmware);
  return Walk(image, rules).run();
}

}  // namespace nicsentry::lint::assembly
