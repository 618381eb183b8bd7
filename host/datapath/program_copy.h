// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "bpf_offload/types.h"
#include "host/base/unique_fd.h"
#include "host/datapath/maps.h"
#include "host/datapath/program.h"

namespace nicsentry {

// A second instance of a program with a firewall: the same instructions over the very maps that hold the rules and sets
// in force, but with sessions, counters, accounting and events of its own. So it can be asked what becomes of a packet,
// and no packet, counter or window of the first one knows of it. Throws Error. Not for several threads at once.
class ProgramCopy {
 public:
  // `object`: what the program was loaded from; an error where it is another build than that. Test runs give each
  // packet an Ethernet header, so of a program that reads packets without one the build for TC is asked.
  ProgramCopy(std::uint32_t program_id, const std::filesystem::path& object);
  // The program itself in place of a copy: one that is on no port, and was loaded with `for_questions`.
  explicit ProgramCopy(const Program& on_no_port);
  ~ProgramCopy();
  ProgramCopy(const ProgramCopy&) = delete;
  ProgramCopy& operator=(const ProgramCopy&) = delete;

  // The first one's, to be read only.
  const Maps& original() const { return *original_; }
  // Its own; all zero at first. A copy has room for one session, in bucket 0 or 1.
  Maps& own() { return *own_; }
  unsigned bucket_bits() const;

  // The program's verdict (XDP_*, TC_ACT_*). The answer that it expects then is forgotten: each packet is judged for
  // itself.
  std::uint32_t run(std::span<const std::uint8_t> frame) const;
  // Counts of the half for even epochs. Both read memory: no system call.
  rule_counter read_counter(std::uint32_t id) const;
  totals_row read_cause(unsigned cause) const;

 private:
  struct Counted;

  UniqueFd expectations_;  // with room for one; none where the program has no such map
  std::unique_ptr<Maps> original_;
  std::unique_ptr<Maps> own_;
  UniqueFd program_;
  std::unique_ptr<const Counted> counted_;
};

}  // namespace nicsentry
