// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/firewall/address_sets.h"
#include "host/firewall/compile.h"
#include "host/packet/session_key.h"
#include "host/sessions/fingerprint.h"

namespace nicsentry::testing {

// The program with the firewall in the kernel, with small maps, driven by BPF_PROG_TEST_RUN. What the host writes is
// written here by the plainest means, one element a call.
class FirewallBench {
 public:
  explicit FirewallBench(const std::string& object);  // "firewall.o", "firewall_tc.o"
  ~FirewallBench();
  FirewallBench(const FirewallBench&) = delete;
  FirewallBench& operator=(const FirewallBench&) = delete;

  static constexpr std::uint32_t kBits = 2 * 65536;
  static constexpr std::uint32_t kBuckets = 4096;
  static constexpr std::uint32_t kSetNodes = 32768;

  static BankPlace place(unsigned bank);
  static AddressSets::Room sets_room() { return {kBuckets, kSetNodes, 2 * 32768}; }

  // Fills a bank without looking whether it is idle.
  void fill(unsigned bank, const RuleTables& tables);
  void use(unsigned bank);  // the one write
  void apply(const SetUpdate& update);
  void write_bits(const std::vector<BitsWrite>& writes);

  void know(const SessionKey& key, std::uint32_t states);  // the session's slot
  void forget(const SessionKey& key);

  // The program's verdict on a frame: true where it drops.
  bool drops(std::span<const std::uint8_t> frame);
  rule_counter counter(std::uint32_t id) const;  // both halves

 private:
  struct Object;
  void write(const char* map, std::uint32_t index, const void* value);

  std::unique_ptr<Object> object_;
  firewall control_{};
  FingerprintKeys keys_ = fixed_keys();
  std::uint32_t drop_verdict_ = 0;
};

}  // namespace nicsentry::testing
