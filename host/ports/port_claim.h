// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/datapath/interface.h"
#include "host/datapath/mode.h"

namespace nicsentry {

// Who put a program on a port: a `run` that takes it off at its end, `attach`, or somebody with `ip link` or `tc`.
enum class Owner { run, attach, hand };
const char* owner_name(Owner owner);  // "run", "attach", "hand"

// What nicsentry knows of one program on a port, beyond what the kernel tells.
struct AttachmentRecord {
  Hook hook = Hook::xdp;
  Mode mode = Mode::drv;
  std::uint32_t program_id = 0;
  Owner owner = Owner::hand;
  bool made_qdisc = false;
};

struct ClaimRecord {
  int pid = 0;         // of the controller; 0: none runs
  std::string socket;  // of the controller
  std::vector<AttachmentRecord> attachments;
};

// The right to drive the programs of one port: a locked file in /run/nicsentry that says who has it and what is
// attached there. The lock goes with the process, so a dead controller's claim can be taken over; its record is then
// found.
class PortClaim {
 public:
  // Throws Error naming the controller that has the port.
  explicit PortClaim(const Interface& port);

  const ClaimRecord& found() const { return found_; }
  // Throws SystemError.
  void write(const ClaimRecord& record);
  // Nothing of nicsentry's is left on the port.
  void erase();

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
  ClaimRecord found_;
};

// What is on record for a port, without a claim; `running` where a controller has it.
struct PortRecord {
  ClaimRecord record;
  bool running = false;
};
std::optional<PortRecord> read_port_record(const Interface& port);

// /run/nicsentry, made for root alone where it is missing.
std::filesystem::path runtime_directory();

}  // namespace nicsentry
