// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/packet/session_key.h"
#include "host/rules/compile/compile.h"
#include "host/rules/sets/address_sets.h"
#include "host/sessions/fingerprint.h"

namespace nicsentry::testing {

// Sizes of its maps.
struct FirewallRoom {
  std::uint32_t bits = 2 * 65536;
  std::uint32_t buckets = 4096;
  std::uint32_t set_nodes = 32768;
  std::uint32_t expectations = 1;  // 1: none is ever found, as the models know of no earlier packets
};

// Runs the firewall's program in the kernel with BPF_PROG_TEST_RUN. Writes the maps in the simplest way, one element
// for each call.
class FirewallBench {
 public:
  explicit FirewallBench(const std::string& object, const FirewallRoom& room = {});  // "sentry_drv.o", or a path
  ~FirewallBench();
  FirewallBench(const FirewallBench&) = delete;
  FirewallBench& operator=(const FirewallBench&) = delete;

  BankPlace place(unsigned bank) const;
  AddressSets::Room sets_room() const { return {room_.buckets, room_.set_nodes, 2 * kBankNodes}; }
  int program() const;
  bool has_egress() const;  // on XDP there is none

  // Fills a bank, whether it is idle or not.
  void fill(unsigned bank, const RuleTables& tables);
  void use(unsigned bank);  // selects the bank with one write
  void apply(const SetUpdate& update);
  void write_bits(const std::vector<BitsWrite>& writes);

  // Puts a table of buckets in the place of a limit; below 0: a new one. Returns its descriptor.
  int put_limit_table(unsigned bank, unsigned number, int table = -1);
  static void set_all_times(int table, std::uint64_t time);  // in the unit of limits
  void set_clock(std::uint64_t ns);                          // of a program that is built with injected_clock.h

  void know(const SessionKey& key, std::uint32_t states);  // the session's slot
  void forget(const SessionKey& key);

  // Returns true if the program drops the frame.
  bool drops(std::span<const std::uint8_t> frame);
  std::vector<rule_counter> counters(std::uint32_t ids) const;  // both halves, of ids 0 to ids - 1

 private:
  static constexpr std::uint32_t kBankNodes = 32768;
  struct Object;
  void write(const char* map, std::uint32_t index, const void* value);

  FirewallRoom room_;
  std::unique_ptr<Object> object_;
  fw_config control_{};
  FingerprintKeys keys_ = fixed_keys();
  std::uint32_t drop_verdict_ = 0;
};

}  // namespace nicsentry::testing
