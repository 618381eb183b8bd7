// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/datapath/interface.h"
#include "host/datapath/mode.h"
#include "host/datapath/pins.h"
#include "host/datapath/program.h"
#include "host/datapath/xdp_dispatcher.h"
#include "host/ports/port_claim.h"
#include "host/ports/port_programs.h"
#include "host/report/profile.h"

namespace nicsentry {

struct PortOptions {
  std::optional<Mode> mode;  // none: auto
  bool both_directions = false;
  bool dispatcher = false;         // in drv and skb: behind libxdp's dispatcher also where the hook is free
  std::optional<Profile> profile;  // none: that of the program that is attached already, else all
  std::optional<std::uint32_t> sessions;
  bool count_hits = false;  // of the entries of address sets; needs `firewall`
  // What is forwarded counts where it comes in: the notes that all programs of the run share. None: it counts twice.
  std::optional<int> notes;
  Vlans vlans = Vlans::ignored;

  // For programs with a firewall: the size of its maps, and what is done to a program before it is attached, or when it
  // is adopted. When `prepare` throws, the port is left as it was found.
  struct FirewallOptions {
    FirewallSize size;
    // `attachment`: "eth0/xdp". `former`: the older program whose place it takes; null: none.
    std::function<void(const Program& program, Hook hook, const std::string& attachment, const ProgramInfo* former)>
        prepare;
    std::function<std::optional<int>()> expectations;  // the map that programs on the host share, once there is one
  };
  std::optional<FirewallOptions> firewall;
};

constexpr std::uint32_t kDefaultSessions = DEFAULT_SESSIONS;

// One interface with the programs on its hooks. Claims it, and at the end restores what was found. Throws Error. A run
// over several ports makes all of them before it opens the first one: a port that it may not have leaves the others'
// rules alone.
class Port {
 public:
  // Claims the interface, and touches no program. Throws where a program of nicsentry's on another hook enforces.
  Port(const std::string& interface_name, PortOptions options, Owner owner);
  // Leaves the port as it was found if restore() was not called: an error came before the port was driven.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Adopts the programs of this ABI that are on it, replaces those of an older one, attaches those that are missing.
  // When one of these fails, the port is left as it was found.
  void open();

  struct Opened {
    AttachmentRecord record;
    Program program;
    bool adopted = false;  // it was on the hook already
  };

  const Interface& interface() const { return interface_; }
  // It has got another name; its index and its programs stay.
  void rename(const std::string& name) { interface_.name = name; }
  // Nothing holds the hook's program any more but who drives it: for a port that is gone, as its pins would keep the
  // memory that it has on a card. Throws SystemError.
  void unpin(Hook hook) const;
  // One line: the mode, why no better one was possible, and what was adopted or replaced.
  const std::string& how() const { return how_; }
  // Why the program stands alone where PortOptions::dispatcher is asked for, and why it may not see all VLAN tags where
  // PortOptions::vlans asks for them; empty where neither is so.
  const std::string& caution() const { return caution_; }
  // The programs. The caller moves them out.
  std::vector<Opened>& programs() { return opened_; }

  // Writes into the port's record which process drives it; `pid` 0: none does. Takes off what a run that died left on
  // hooks that this one does not use.
  void record(int pid, const std::string& socket);
  // Puts a program of this port back on its hook, from which somebody took it. Throws Error where the hook is not free.
  // Where its place behind libxdp's dispatcher is not known: which one it has now, in words that continue a line.
  std::string attach_again(const AttachmentRecord& attachment, const Program& program);
  // Takes off the programs that this run, or one that died, attached, but for those on the hooks to `keep`. Returns the
  // hooks whose programs stay.
  std::vector<Hook> restore(const std::set<Hook>& keep = {});
  // Leaves all programs where they are, for the next run to adopt. The record says that no process drives them.
  std::vector<Hook> leave_attached();

 private:
  void check();
  void use_mode_of_link();
  void open_hooks(const PortOptions& options);
  void give_up() noexcept;
  void detach(const AttachmentRecord& attachment) const;
  void note_starting();
  void write_claim(int pid, const std::string& socket);
  void take_off_left();
  std::vector<Hook> hooks_in_use() const;
  void pin_programs();
  void open_xdp(const PortOptions& options);
  std::string open_tc(Hook hook, const PortOptions& options);
  // Adopts or replaces the program on a hook, if it is nicsentry's; how, in words that continue a line.
  std::optional<std::string> use_present(Hook hook, Mode mode, std::uint32_t program_id, const PortOptions& options);
  std::string adopt(Hook hook, Mode mode, const ProgramInfo& info, const PortOptions& options);
  std::string replace(Hook hook, Mode mode, const ProgramInfo& info, const PortOptions& options);
  // Why it stands alone instead, or nothing.
  std::string take_place_behind_dispatcher(Mode mode, std::uint32_t former, std::uint32_t priority,
                                           Program& program) const;
  void attach_new(Hook hook, Mode mode, const PortOptions& options);
  void require_vlans(Hook hook, Mode mode, const ProgramInfo& info) const;
  // Whether a new program is to stand behind libxdp's dispatcher.
  bool joins(Hook hook, Mode mode, const PortOptions& options) const;
  struct switches switches_for(Hook hook, Mode mode, const PortOptions& options) const;
  Program load(Hook hook, Mode mode, const ProgramInfo* former, const PortOptions& options) const;
  AttachmentRecord record_of(Hook hook, Mode mode, std::uint32_t program_id) const;
  void put_back(const AttachmentRecord& attachment) const;
  std::vector<AttachmentRecord> others() const;
  const AttachmentRecord* on_record(Hook hook, std::uint32_t program_id) const;

  Interface interface_;
  PortClaim claim_;
  PortOptions options_;
  std::optional<PinDirectory> pins_;
  Owner owner_;
  int pid_ = 0;  // as on record
  std::string socket_;
  std::string how_;
  std::string caution_;
  std::string joined_;  // how the XDP program stands to libxdp's dispatcher, in words that continue a line
  std::vector<Opened> opened_;
  std::vector<AttachmentRecord> attached_;
  // A program of an older ABI, kept in the kernel until the port is driven, and the one in its place.
  struct Replaced {
    Hook hook = Hook::xdp;
    std::uint32_t by = 0;
    std::uint32_t id = 0;
    UniqueFd fd;
    std::optional<DispatcherPlace> place;  // behind libxdp's dispatcher
  };
  std::vector<Replaced> replaced_;
  std::map<std::uint32_t, DispatcherPlace> places_;  // of the programs behind libxdp's dispatcher, by id
  // On hooks that are not used. All of them enforce nothing.
  struct Left {
    LeftProgram program;
    bool of_dead_run = false;
    bool taken_off = false;
  };
  std::vector<Left> left_;
  bool restored_ = false;
};

// The size of the maps for this many sessions. Throws Error when the card does not hold them beside the firewall's
// maps; the message has the largest number that fits.
TableSize table_size(std::uint32_t sessions, Mode mode, const std::optional<FirewallSize>& firewall = std::nullopt);

}  // namespace nicsentry
