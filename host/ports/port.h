// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/datapath/interface.h"
#include "host/datapath/mode.h"
#include "host/datapath/program.h"
#include "host/ports/port_claim.h"
#include "host/report/profile.h"

namespace nicsentry {

struct PortOptions {
  std::optional<Mode> mode;  // none: auto
  bool both_directions = false;
  std::optional<Profile> profile;  // none: what is attached already, else all
  std::optional<std::uint32_t> sessions;

  // Programs are to have a firewall: its size, and what is done to a program before it is attached, or when it is taken
  // over. When `prepare` throws, the port is left as it was found.
  struct FirewallOptions {
    FirewallSize size;
    std::function<void(const Program& program, Hook hook)> prepare;
    std::function<int()> answers;  // the map that programs on the host share; -1: there is none yet
  };
  std::optional<FirewallOptions> firewall;
};

constexpr std::uint32_t kDefaultSessions = DEFAULT_SESSIONS;

// One interface with the programs on its hooks, from the claim to the state in which it was found. Throws Error.
class Port {
 public:
  // Claims the interface, takes over the programs of ours that are on it, attaches those that are missing. When one
  // cannot be, the port is left as it was found.
  Port(const std::string& interface_name, const PortOptions& options, Owner owner);
  ~Port();  // if nobody restored: an error came before the port was driven, and it is left as it was found
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  struct Opened {
    AttachmentRecord record;
    Program program;
    bool adopted = false;
  };

  const Interface& interface() const { return interface_; }
  // In one line: what was taken, and why no better mode.
  const std::string& how() const { return how_; }
  // The programs, for attachments to be made of; to be moved from.
  std::vector<Opened>& programs() { return opened_; }

  // Says in the port's record who drives it; `pid` 0 is nobody.
  void record(int pid, const std::string& socket);
  // Takes off what this run, or one that died, put there; leaves what was found.
  void restore();

 private:
  void open(const PortOptions& options);
  void give_up() noexcept;
  void detach(const AttachmentRecord& attachment) const;
  void open_xdp(const PortOptions& options);
  std::string open_tc(Hook hook, const PortOptions& options);
  // How it was taken over, in words that go on; nothing where there is none of ours.
  std::optional<std::string> adopt_if_ours(Hook hook, Mode mode, std::uint32_t program_id, const PortOptions& options);
  void attach_new(Hook hook, Mode mode, const PortOptions& options);
  std::vector<AttachmentRecord> others() const;
  const AttachmentRecord* on_record(Hook hook, std::uint32_t program_id) const;

  Interface interface_;
  PortClaim claim_;
  Owner owner_;
  std::string how_;
  std::vector<Opened> opened_;
  std::vector<AttachmentRecord> attached_;
  bool restored_ = false;
};

// The size of the maps for so many sessions. Throws Error when the card does not hold them, naming the largest number
// that fits beside a firewall's, if there is one.
TableSize table_size(std::uint32_t sessions, Mode mode, const FirewallSize* firewall = nullptr);

}  // namespace nicsentry
