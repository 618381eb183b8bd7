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
#include "host/datapath/port_lease.h"

namespace nicsentry {

// The owner of a program on a port: a `run` that takes it off at its end, `attach`, or somebody with `ip link` or `tc`.
enum class Owner { run, attach, hand };
const char* owner_name(Owner owner);  // "run", "attach", "hand"

// The record of one program on a port, beyond what the kernel reports.
struct AttachmentRecord {
  Hook hook = Hook::xdp;
  Mode mode = Mode::drv;
  std::uint32_t program_id = 0;
  Owner owner = Owner::hand;
  bool made_qdisc = false;
  bool driven = true;  // by the process that has the port
};

struct ClaimRecord {
  int pid = 0;         // of the controller; 0: none runs
  std::string socket;  // of the controller; empty: it does not answer yet
  std::vector<AttachmentRecord> attachments;
  std::string port{};  // its name when it was claimed; empty in a record of an earlier build
};

// The right to drive the programs of one port: a locked file in /run/nicsentry with the process that has it and what is
// attached there, and a lease, which excludes those with another runtime directory. Both end with the process. The
// record of a process that died is found by the next claim.
class PortClaim {
 public:
  // Writes this process's id into the record, without a socket. Throws Error when another process has the port.
  explicit PortClaim(const Interface& port);

  const ClaimRecord& found() const { return found_; }
  // With the port's name as `port`. A reader sees the former record or this one. Throws SystemError.
  void write(ClaimRecord record);
  // For a port without programs of nicsentry.
  void erase();

 private:
  std::string port_;
  std::filesystem::path path_;
  UniqueFd fd_;
  ClaimRecord found_;
  std::optional<PortLease> lease_;
};

// The record of a port, without a claim. `running`: a process has the port; it is starting while there is no socket.
struct PortRecord {
  ClaimRecord record;
  bool running = false;
};
// Throws SystemError where it cannot be told.
std::optional<PortRecord> read_port_record(const Interface& port);

// The records of the ports of all network namespaces.
struct NamespacedRecord {
  unsigned long network_namespace = 0;  // its inode
  PortRecord read;
};
// Makes no runtime directory. Throws Error.
std::vector<NamespacedRecord> read_all_port_records();
// Removes those of namespaces that are gone, unless a process has the port. For a run. Throws Error.
void remove_vanished_records();

// /run/nicsentry, made for root alone if it is missing. Throws Error for one that another user owns or can write, and
// for one that this user may not open.
std::filesystem::path runtime_directory();
// The same for commands that drive a port: the error says which rights that takes.
std::filesystem::path runtime_directory_to_drive();

}  // namespace nicsentry
