// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/card.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <sstream>
#include <thread>
#include <utility>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/program.h"

namespace nicsentry {
namespace {

// The driver's marks in the verifier's log (kernel, drivers/net/ethernet/netronome/nfp/bpf/verifier.c).
constexpr const char* kDriverMark = "[nfp] ";
constexpr std::array kNotOffered = {"not supported by FW", "FW doesn't support"};

// The kernel frees a map in the background: the one asked for before may still have its room.
constexpr std::chrono::milliseconds kUntilFreed{15};
constexpr int kTries = 3;

constexpr bpf_insn insn(unsigned code, unsigned to, unsigned from, int offset, int immediate) {
  bpf_insn made{};
  made.code = static_cast<__u8>(code);
  made.dst_reg = to & 0xFU;
  made.src_reg = from & 0xFU;
  made.off = static_cast<__s16>(offset);
  made.imm = immediate;
  return made;
}

constexpr bpf_insn kPass = insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS);
constexpr bpf_insn kExit = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

constexpr bpf_insn call(bpf_func_id helper) { return insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }

// The helper that the driver calls so.
struct Helper {
  const char* name;
  const char* in_driver;
  bpf_func_id id;
};
constexpr std::array kHelpers = {
    Helper{"map_lookup_elem", "map_lookup:", BPF_FUNC_map_lookup_elem},
    Helper{"map_update_elem", "map_update:", BPF_FUNC_map_update_elem},
    Helper{"map_delete_elem", "map_delete:", BPF_FUNC_map_delete_elem},
    Helper{"perf_event_output", "event_output:", BPF_FUNC_perf_event_output},
    Helper{"get_prandom_u32", "bpf_get_prandom_u32():", BPF_FUNC_get_prandom_u32},
    Helper{"xdp_adjust_head", "adjust_head ", BPF_FUNC_xdp_adjust_head},
    Helper{"xdp_adjust_tail", "adjust_tail ", BPF_FUNC_xdp_adjust_tail},
};

bool says_not_offered(const std::string& words) {
  for (const char* mark : kNotOffered) {
    if (words.find(mark) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// Arguments are left out: the driver looks at a call before the kernel looks at them.
bool takes(const Interface& port, std::span<const bpf_insn> program) {
  std::array<char, 4096> log{};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.prog_ifindex = static_cast<__u32>(port.index);
  options.log_buf = log.data();
  options.log_size = log.size();
  options.log_level = 1;
  const UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "ask", "GPL", program.data(), program.size(), &options));
  return fd || !says_not_offered(log.data());
}

bool takes_map(const Interface& port, bpf_map_type type, std::uint32_t elements) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_ifindex = static_cast<__u32>(port.index);
  const UniqueFd fd(bpf_map_create(type, "ask", sizeof(__u32), sizeof(__u32), elements, &options));
  return static_cast<bool>(fd);
}

std::uint32_t largest_map(const Interface& port) {
  std::uint32_t fits = 0;
  const auto takes_at_last = [&port](std::uint32_t elements) {
    for (int tries = 0; tries < kTries; ++tries) {
      if (takes_map(port, BPF_MAP_TYPE_ARRAY, elements)) {
        return true;
      }
      std::this_thread::sleep_for(kUntilFreed);
    }
    return false;
  };
  for (std::uint32_t step = 1U << 23; step != 0; step /= 2) {
    fits += takes_at_last(fits + step) ? step : 0;
  }
  return fits;
}

}  // namespace

void require_card(const Interface& port) {
  if (port.driver != kCardDriver) {
    throw Error("EOPNOTSUPP: driver " + (port.driver.empty() ? "none" : port.driver) + " offloads no programs");
  }
  // The driver ends its version with what it takes the firmware for; ethtool cuts it at 31 letters, which the eBPF
  // firmware's just fills.
  if (port.firmware.ends_with(" nic")) {
    throw Error("EOPNOTSUPP: firmware '" + port.firmware + "' of " + port.name +
                " offloads no programs; the eBPF firmware does (hw/README.md says how to switch)");
  }
}

CardCapabilities ask_card(const Interface& port) {
  require_card(port);
  CardCapabilities found;
  const auto note = [&found](bool offered, const std::string& name) {
    (offered ? found.offered : found.missing).push_back(name);
  };
  for (const Helper& helper : kHelpers) {
    note(takes(port, std::array{call(helper.id), kPass, kExit}), helper.name);
  }
  const bpf_insn select = insn(BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_0, offsetof(xdp_md, rx_queue_index), 0);
  note(takes(port, std::array{kPass, select, kExit}), "rx_queue_index");
  note(takes_map(port, BPF_MAP_TYPE_ARRAY, 1), "arrays");
  note(takes_map(port, BPF_MAP_TYPE_HASH, 1), "hash tables");
  found.elements_left = largest_map(port);
  return found;
}

std::string no_room_on_card() {
  return "\n  the card holds " + std::to_string(kCardElements) +
         " map elements over all its ports; with fewer --sessions a port needs less of them";
}

std::string card_refusal(const std::string& said) {
  std::istringstream lines(said);
  std::string first;
  std::getline(lines, first);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find(kDriverMark);
    if (mark == std::string::npos) {
      continue;
    }
    const std::string words = line.substr(mark + std::char_traits<char>::length(kDriverMark));
    for (const Helper& helper : kHelpers) {
      if (says_not_offered(words) && words.starts_with(helper.in_driver)) {
        return std::string("no ") + helper.name + " in this firmware";
      }
    }
    return "the driver refuses it: " + words;
  }
  return first;
}

}  // namespace nicsentry
