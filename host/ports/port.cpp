// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/port.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/card.h"
#include "host/datapath/extensions.h"
#include "host/datapath/hook_state.h"
#include "host/datapath/hooks.h"
#include "host/datapath/object_file.h"
#include "host/datapath/xdp_dispatcher.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_programs.h"
#include "host/ports/program_choice.h"
#include "host/ports/users_programs.h"
#include "host/sessions/session_table.h"

namespace nicsentry {
namespace {

constexpr const char* kAlone = ", alone on the hook: ";

std::string attachment_name(const Interface& port, Hook hook) { return port.name + "/" + hook_name(hook); }

Error not_ours(const Interface& port, Hook hook, Mode mode, const ProgramInfo& program) {
  if (const std::string users = users_program_text(program.id); !users.empty()) {
    return Error("EBUSY: " + place_text(port, hook, mode, program) + " is " + users);
  }
  return Error("EBUSY: " + place_text(port, hook, mode, program) + " is not nicsentry's" +
               (program.identity.why_not.empty() ? "" : " (" + program.identity.why_not + ")") +
               "; it was left as it is");
}

std::string attached_by(const AttachmentRecord& attachment) {
  return attachment.owner == Owner::run ? "a run that died" : owner_name(attachment.owner);
}

// The program of nicsentry's that a dispatcher on an XDP hook calls; else the program on the hook.
std::uint32_t program_of(std::uint32_t on_hook) {
  for (const std::uint32_t called : on_hook != 0 ? extensions_of(on_hook) : std::vector<std::uint32_t>()) {
    if (describe_program(called).identity.ours()) {
      return called;
    }
  }
  return on_hook;
}

// Throws Error where the card has no room for the program.
Target target_for(Mode mode, LinkHeader link, Vlans vlans, Profile profile) {
  if (mode != Mode::hw || vlans == Vlans::ignored) {
    return target_of(mode, link);
  }
  if (profile == Profile::all) {
    throw Error(
        "--vlan in mode hw: the card takes 2560 NFP instructions, and 'sentry' would have 2658; run with --profile "
        "ddos "
        "or crypto, or in another mode");
  }
  return Target::card_vlan;
}

// The most sessions whose maps stay within the card's elements.
std::uint32_t largest_on_card(const std::optional<FirewallSize>& firewall) {
  std::uint32_t fits = 1;
  for (std::uint32_t step = 1U << 20; step != 0; step /= 2) {
    const std::uint32_t more = fits + step;
    if (map_elements({more, bucket_bits_for(more)}, firewall) <= kCardElements) {
      fits = more;
    }
  }
  return fits;
}

}  // namespace

TableSize table_size(std::uint32_t sessions, Mode mode, const std::optional<FirewallSize>& firewall) {
  constexpr std::uint32_t kMost = 1U << 24;  // 1.5 GiB of maps in the kernel
  const std::uint32_t most = mode == Mode::hw ? largest_on_card(firewall) : kMost;
  if (sessions == 0 || sessions > most) {
    throw Error("--sessions " + std::to_string(sessions) + ": from 1 to " + std::to_string(most) +
                (mode == Mode::hw ? " fit into the card's " + std::to_string(kCardElements) + " map elements"
                                  : " are possible"));
  }
  return {sessions, bucket_bits_for(sessions)};
}

Port::Port(const std::string& interface_name, PortOptions options, Owner owner)
    : interface_(find_port(interface_name)), claim_(interface_), options_(std::move(options)), owner_(owner) {
  try {
    check();
  } catch (...) {
    give_up();
    throw;
  }
}

Port::~Port() {
  if (!restored_) {
    give_up();
  }
}

void Port::give_up() noexcept {
  restored_ = true;
  try {
    // NOLINTNEXTLINE(modernize-loop-convert)
    for (auto attachment = attached_.rbegin(); attachment != attached_.rend(); ++attachment) {
      put_back(*attachment);
    }
    if (claim_.found().attachments.empty()) {
      claim_.erase();
    } else {
      claim_.write(claim_.found());
    }
  } catch (const std::exception&) {
    // The error that led here matters more.
  }
}

void Port::check() {
  use_mode_of_link();
  if (options_.sessions == 0U) {
    table_size(0, options_.mode.value_or(Mode::drv));  // throws, with what is possible
  }
  if (options_.firewall && options_.profile.value_or(Profile::all) != Profile::all) {
    throw Error(std::string("--profile ") + profile_name(*options_.profile) +
                ": the program with the firewall serves profile all only");
  }
  LeftPrograms left = left_programs(interface_, options_.mode, options_.both_directions);
  if (owner_ != Owner::attach || !left.ingress_in_use) {  // `attach` has other words for a hook that is not free
    refuse_enforcing(interface_, left);
  }
  for (LeftProgram& one : left.programs) {
    const AttachmentRecord* known = on_record(one.place.hook, one.info.id);
    left_.push_back({std::move(one), known != nullptr && known->owner == Owner::run && owner_ == Owner::run, false});
  }
}

// XDP is not told which protocol a packet without an Ethernet header is of.
void Port::use_mode_of_link() {
  if (interface_.link == LinkHeader::other) {
    throw Error(unread_link(interface_));
  }
  if (interface_.link == LinkHeader::none) {
    if (options_.mode.value_or(Mode::tc) != Mode::tc) {
      throw Error("EOPNOTSUPP: " + interface_.name + " in mode " + mode_name(*options_.mode) +
                  ": its packets (link type " + link_type_text(interface_.link_type) +
                  ") have no Ethernet header, which XDP programs read; run with " + "--mode tc");
    }
    options_.mode = Mode::tc;
  }
}

void Port::open() {
  try {
    open_hooks(options_);
  } catch (...) {
    give_up();
    throw;
  }
}

void Port::open_hooks(const PortOptions& options) {
  if (options.mode == Mode::tc) {
    how_ = interface_.name + ": mode tc" + (interface_.link == LinkHeader::none ? " (no Ethernet header)" : "") +
           open_tc(Hook::tc_ingress, options);
  } else {
    open_xdp(options);
  }
  if (options.both_directions) {
    how_ += ", egress on TC" + open_tc(Hook::tc_egress, options);
  }
  for (const Opened& opened : opened_) {
    if (is_extension(opened.record.program_id)) {
      if (auto place = DispatcherPlace::find(interface_, opened.record.program_id)) {
        places_.emplace(opened.record.program_id, *std::move(place));
      }
    }
  }
  for (const Left& left : left_) {
    how_ += "; " + place_text(interface_, left.program.place.hook, left.program.place.mode, left.program.info) +
            (left.of_dead_run ? ", which a run that died left there and which enforces nothing, is taken off"
                              : " enforces nothing and is left as it is; to take it off after this run: " +
                                    detach_command(interface_, left.program.place.mode));
  }
  const bool on_xdp = std::any_of(opened_.begin(), opened_.end(), [](const Opened& opened) {
    return opened.record.mode == Mode::drv || opened.record.mode == Mode::skb;
  });
  if (options.vlans == Vlans::part_of_sessions && on_xdp && interface_.strips_tags) {
    caution_ +=
        (caution_.empty() ? "" : "; ") + interface_.name +
        ": XDP programs do not see VLAN tags that the device takes out of packets (rx-vlan-offload is on); turn "
        "it off with: ethtool -K " +
        interface_.name + " rxvlan off, or run with --mode tc";
  }
  pin_programs();
  if (!interface_.up) {
    how_ += "; the interface is down, no packet will come before it is up";
  } else if (!interface_.carrier) {
    how_ += "; the interface has no carrier, no packet will come before its other end is up";
  }
}

// Programs without pins can be adopted only by who may open programs by id.
void Port::pin_programs() {
  std::string why_not;
  pins_ = PinDirectory::open(why_not);
  if (pins_) {
    try {
      pins_->remove_vanished();
      for (const Opened& opened : opened_) {
        pins_->pin(interface_, opened.record.hook, opened.program);
      }
      return;
    } catch (const SystemError& error) {
      why_not = error.what();
    }
  }
  how_ += "; not pinned (" + why_not + "): only who has CAP_SYS_ADMIN can adopt the program";
}

void Port::unpin(Hook hook) const {
  if (pins_) {
    pins_->unpin(interface_, hook);
  }
}

std::string Port::open_tc(Hook hook, const PortOptions& options) {
  const auto adopted = use_present(hook, Mode::tc, query_tc(interface_, hook), options);
  if (!adopted) {
    attach_new(hook, Mode::tc, options);
  }
  return adopted.value_or("");
}

void Port::open_xdp(const PortOptions& options) {
  const XdpPrograms present = query_xdp(interface_);
  for (const Mode mode : kAutoOrder) {
    if (options.mode && options.mode != mode) {
      continue;
    }
    if (const auto adopted = use_present(Hook::xdp, mode, program_of(present.in(mode)), options)) {
      how_ = interface_.name + ": mode " + mode_name(mode) + *adopted;
      return;
    }
  }
  if (options.mode) {
    // The kernel runs XDP in the driver or generically, not both.
    for (const Mode other : {Mode::drv, Mode::skb}) {
      if (options.mode != Mode::hw && options.mode != other && present.in(other) != 0) {
        const ProgramInfo info = describe_program(present.in(other));
        throw info.identity.ours() ? Error(place_text(interface_, Hook::xdp, other, info) + ": run with --mode " +
                                           mode_name(other) + ", or detach it first")
                                   : not_ours(interface_, Hook::xdp, other, info);
      }
    }
    attach_new(Hook::xdp, *options.mode, options);
    how_ = interface_.name + ": mode " + mode_name(*options.mode) + joined_;
    return;
  }
  std::string why;
  for (const Mode mode : kAutoOrder) {
    try {
      attach_new(Hook::xdp, mode, options);
      how_ = interface_.name + ": mode " + mode_name(mode) + (why.empty() ? "" : " (no better one: " + why + ")") +
             joined_;
      return;
    } catch (const Error& error) {
      why += (why.empty() ? "" : "; ") + std::string(mode_name(mode)) + ": " + card_refusal(error.what());
    }
  }
  throw Error(interface_.name + ": no mode works: " + why);
}

std::optional<std::string> Port::use_present(Hook hook, Mode mode, std::uint32_t program_id,
                                             const PortOptions& options) {
  if (program_id == 0) {
    return std::nullopt;
  }
  const ProgramInfo info = describe_program(program_id);
  if (!info.identity.ours()) {
    if (hook == Hook::xdp && is_dispatcher(program_id)) {
      return std::nullopt;  // it lets others in
    }
    if (!options.mode && mode == Mode::hw) {
      return std::nullopt;  // the driver has room beside a program of another owner on the card
    }
    throw not_ours(interface_, hook, mode, info);
  }
  if (info.identity.abi > program_abi()) {
    throw Error(place_text(interface_, hook, mode, info) + " has program ABI " + std::to_string(info.identity.abi) +
                ", this nicsentry has " + std::to_string(program_abi()) +
                ": run the nicsentry that attached it, or detach it first");
  }
  // What is on is fixed when a program is loaded, and the notes are those of one run.
  const bool same = info.switches == switches_for(hook, mode, options) && !options.notes;
  return info.identity.adoptable() && same ? adopt(hook, mode, info, options) : replace(hook, mode, info, options);
}

std::string Port::adopt(Hook hook, Mode mode, const ProgramInfo& info, const PortOptions& options) {
  if (info.identity.spec->features.raw_ip != (interface_.link == LinkHeader::none)) {
    throw Error(place_text(interface_, hook, mode, info) + " reads packets with" +
                (info.identity.spec->features.raw_ip ? "out" : "") + " an Ethernet header, and those of link type " +
                link_type_text(interface_.link_type) + " have " +
                (interface_.link == LinkHeader::none ? "none" : "one") + "; detach it first");
  }
  if (options.vlans == Vlans::part_of_sessions) {
    require_vlans(hook, mode, info);
  }
  const Profile profile = profile_of(*info.identity.spec);
  if (options.profile && options.profile != profile && profile != Profile::all) {
    throw Error(place_text(interface_, hook, mode, info) + " does not serve profile " + profile_name(*options.profile) +
                "; detach it first");
  }
  if (options.firewall && !info.room_for_rules) {
    throw Error(place_text(interface_, hook, mode, info) + " has no firewall; detach it first");
  }
  Program program = Program::adopt(info.id, mode, interface_);
  if (options.sessions && *options.sessions > program.maps().counter_ids()) {
    throw Error(place_text(interface_, hook, mode, info) + " has maps for " +
                std::to_string(program.maps().counter_ids()) + " sessions, not for " +
                std::to_string(*options.sessions) + "; detach it first");
  }
  if (options.firewall) {
    options.firewall->prepare(program, hook, attachment_name(interface_, hook), nullptr);
  }
  const AttachmentRecord attachment = record_of(hook, mode, info.id);
  attached_.push_back(attachment);
  opened_.push_back({attachment, std::move(program), true});
  return ", adopting program '" + info.name + "' (id " + std::to_string(info.id) + ", attached by " +
         attached_by(attachment) + ")";
}

// Of what was attached by hand nobody knows whether it is the build for the host, or the one for the card.
void Port::require_vlans(Hook hook, Mode mode, const ProgramInfo& info) const {
  const bool of_host = mode == Mode::tc || (mode != Mode::hw && record_of(hook, mode, info.id).owner != Owner::hand);
  if (!of_host && !info.identity.spec->features.card_vlans) {
    throw Error("--vlan: " + place_text(interface_, hook, mode, info) +
                (mode == Mode::hw ? " does not look at VLAN tags"
                                  : " was attached by hand, and may be the one for a card, " +
                                        std::string("which does not look at VLAN tags")) +
                "; detach it first");
  }
}

// The rules of the run are in force in the new program before it takes the hook.
std::string Port::replace(Hook hook, Mode mode, const ProgramInfo& info, const PortOptions& options) {
  UniqueFd former = hold_program(info.id);
  Program program = load(hook, mode, &info, options);
  std::optional<DispatcherPlace> place;
  std::string why_alone;
  if (is_extension(info.id)) {
    place = DispatcherPlace::require(interface_, info.id);
    why_alone = take_place_behind_dispatcher(mode, info.id, place->priority(), program);
  } else {
    replace_program(interface_, hook, mode, {info.id, former.get()}, {program.id(), program.fd()});
  }
  AttachmentRecord attachment = record_of(hook, mode, info.id);
  const std::string former_owner = attached_by(attachment);
  attachment.program_id = program.id();
  attachment.owner = owner_ == Owner::attach ? owner_ : attachment.owner;
  replaced_.push_back({hook, program.id(), info.id, std::move(former), std::move(place)});
  attached_.push_back(attachment);
  note_starting();
  opened_.push_back({attachment, std::move(program), false});
  return ", in place of program '" + info.name + "' " +
         (info.identity.adoptable() ? "with other options" : "of ABI " + std::to_string(info.identity.abi)) + " (id " +
         std::to_string(info.id) + ", attached by " + former_owner + ")" +
         (info.enforces ? options.firewall ? ", whose rules are replaced by this run's"
                                           : ", whose rules are not in force any more: this run has no firewall; "
                                             "nothing is enforced on " +
                                                 attachment_name(interface_, hook) + " from now on"
                        : "") +
         (why_alone.empty() ? "" : kAlone + why_alone);
}

// Both stand there for a moment, so that each packet meets one of them at least. The new one keeps the place of the
// former among the dispatcher's programs.
std::string Port::take_place_behind_dispatcher(Mode mode, std::uint32_t former, std::uint32_t priority,
                                               Program& program) const {
  std::string why_alone = program.join_dispatcher(interface_, mode, priority);
  try {
    leave_dispatcher(interface_, former);
  } catch (const Error&) {
    try {
      leave_dispatcher(interface_, program.id());
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the first error says what is wrong
    }
    throw;
  }
  return why_alone;
}

// Throws for a card, whose programs have none.
struct switches Port::switches_for(Hook hook, Mode mode, const PortOptions& options) const {
  struct switches wanted {};
  if (mode == Mode::hw && options.count_hits) {
    throw Error(
        "--count-hits: a program on a card does not count the hits of entries: its arrays have no element for "
        "each; modes drv, skb and tc do");
  }
  if (mode == Mode::hw && options.notes) {
    throw Error(
        "--dedup: a program on a card cannot note the packets that come in: it reads no word that it writes; "
        "modes drv, skb and tc can");
  }
  wanted.count_hits = options.count_hits ? 1 : 0;
  if (options.notes) {
    wanted.copies = hook == Hook::tc_egress ? COPIES_LEFT_OUT : COPIES_NOTED;
  }
  return wanted;
}

Program Port::load(Hook hook, Mode mode, const ProgramInfo* former, const PortOptions& options) const {
  const Profile present = former != nullptr ? profile_of(*former->identity.spec) : Profile::all;
  const auto firewall = options.firewall ? std::optional(options.firewall->size) : std::nullopt;
  const Profile profile = firewall ? Profile::all : options.profile.value_or(present);
  Program program = Program::load(
      {.object = find_object(program_for(profile), target_for(mode, interface_.link, options.vlans, profile)),
       .mode = mode,
       .size = table_size(options.sessions.value_or(kDefaultSessions), mode, firewall),
       .port = interface_,
       .firewall = firewall,
       .expectations = options.firewall ? options.firewall->expectations() : std::nullopt,
       .switches = switches_for(hook, mode, options),
       .notes = options.notes});
  if (options.firewall) {
    options.firewall->prepare(program, hook, attachment_name(interface_, hook), former);
  }
  return program;
}

void Port::attach_new(Hook hook, Mode mode, const PortOptions& options) {
  if (mode == Mode::hw) {
    require_card(interface_);
  }
  Program program = load(hook, mode, nullptr, options);
  AttachmentRecord attachment{hook, mode, program.id(), owner_, false};
  if (joins(hook, mode, options)) {
    const std::string why_alone = program.join_dispatcher(interface_, mode, std::nullopt);
    attachment.program_id = program.id();
    joined_ = why_alone.empty() ? ", behind libxdp's dispatcher" : "";
    if (!why_alone.empty()) {
      caution_ =
          interface_.name + ": the program stands alone on the hook, no other XDP program can join it: " + why_alone;
    }
    attached_.push_back(attachment);
    note_starting();
  } else {
    attached_.push_back(attachment);
    try {
      note_starting();
      attachment.made_qdisc = attach_program(interface_, hook, mode, program);
    } catch (...) {
      attached_.pop_back();
      throw;
    }
    attached_.back() = attachment;
  }
  opened_.push_back({attachment, std::move(program), false});
}

bool Port::joins(Hook hook, Mode mode, const PortOptions& options) const {
  if (hook != Hook::xdp || mode == Mode::hw) {
    return false;
  }
  const std::uint32_t there = query_xdp(interface_).in(mode);
  return options.dispatcher || (there != 0 && is_dispatcher(there));
}

AttachmentRecord Port::record_of(Hook hook, Mode mode, std::uint32_t program_id) const {
  const AttachmentRecord* known = on_record(hook, program_id);
  return known != nullptr ? *known : AttachmentRecord{hook, mode, program_id, Owner::hand, false};
}

// Undoes what open() did on one hook.
void Port::put_back(const AttachmentRecord& attachment) const {
  for (const Replaced& former : replaced_) {
    if (former.hook == attachment.hook && former.by == attachment.program_id) {
      unpin(attachment.hook);
      if (former.place) {
        former.place->rejoin(interface_, attachment.mode);
        leave_dispatcher(interface_, former.by);
        return;
      }
      const UniqueFd now = hold_program(former.by);
      replace_program(interface_, attachment.hook, attachment.mode, {former.by, now.get()},
                      {former.id, former.fd.get()});
      return;
    }
  }
  if (on_record(attachment.hook, attachment.program_id) == nullptr && attachment.owner == owner_) {
    detach(attachment);
  }
}

const AttachmentRecord* Port::on_record(Hook hook, std::uint32_t program_id) const {
  for (const AttachmentRecord& attachment : claim_.found().attachments) {
    if (attachment.hook == hook && attachment.program_id == program_id) {
      return &attachment;
    }
  }
  return nullptr;
}

// The records of hooks that this run was not asked for.
std::vector<AttachmentRecord> Port::others() const {
  std::vector<AttachmentRecord> others;
  for (const AttachmentRecord& known : claim_.found().attachments) {
    const bool mine = std::any_of(attached_.begin(), attached_.end(), [&known](const AttachmentRecord& attachment) {
      return attachment.hook == known.hook && attachment.program_id == known.program_id;
    });
    const bool replaced = std::any_of(replaced_.begin(), replaced_.end(), [&known](const Replaced& former) {
      return former.hook == known.hook && former.id == known.program_id;
    });
    const bool taken_off = std::any_of(left_.begin(), left_.end(), [&known](const Left& left) {
      return left.taken_off && left.program.place.hook == known.hook && left.program.info.id == known.program_id;
    });
    if (!mine && !replaced && !taken_off) {
      others.push_back(known);
    }
  }
  return others;
}

void Port::record(int pid, const std::string& socket) {
  pid_ = pid;
  socket_ = socket;
  for (Replaced& former : replaced_) {
    former.fd = UniqueFd();
    former.place.reset();
  }
  if (pid != 0) {
    take_off_left();
  }
  write_claim(pid, socket);
}

void Port::write_claim(int pid, const std::string& socket) {
  ClaimRecord record{pid, socket, {}};
  const auto add = [&record](std::vector<AttachmentRecord> attachments, bool driven) {
    for (AttachmentRecord& attachment : attachments) {
      attachment.driven = driven;
      record.attachments.push_back(attachment);
    }
  };
  add(others(), false);
  add(attached_, pid != 0 && !socket.empty());
  claim_.write(record);
}

// Whoever asks meanwhile, and whoever finds the port after a kill, knows whose it is.
void Port::note_starting() { write_claim(getpid(), ""); }

// The run that would is dead. In reverse order: the qdisc goes with the filter for which it was made, unless this run
// has a filter there.
void Port::take_off_left() {
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (auto left = left_.rbegin(); left != left_.rend(); ++left) {
    const AttachmentRecord* known = on_record(left->program.place.hook, left->program.info.id);
    if (!left->of_dead_run || known == nullptr || std::exchange(left->taken_off, true)) {
      continue;
    }
    detach(*known);
    for (AttachmentRecord& mine : attached_) {
      mine.made_qdisc = mine.made_qdisc || (mine.hook != Hook::xdp && known->made_qdisc);
    }
  }
}

void Port::detach(const AttachmentRecord& attachment) const {
  unpin(attachment.hook);
  detach_program(interface_, attachment.hook, attachment.mode, attachment.program_id, attachment.made_qdisc);
}

std::string Port::attach_again(const AttachmentRecord& attachment, const Program& program) {
  std::string otherwise;
  bool made_qdisc = false;
  if (const auto place = places_.find(attachment.program_id); place != places_.end()) {
    place->second.rejoin(interface_, attachment.mode);
  } else if (is_extension(attachment.program_id)) {
    otherwise = ", behind libxdp's dispatcher with priority " +
                std::to_string(rejoin_dispatcher(interface_, attachment.mode, program.fd())) +
                ", as libxdp did not find the place that it had";
  } else {
    made_qdisc = attach_program(interface_, attachment.hook, attachment.mode, program);
  }
  for (AttachmentRecord& mine : attached_) {
    if (mine.hook == attachment.hook && mine.program_id == attachment.program_id) {
      mine.made_qdisc = mine.made_qdisc || made_qdisc;
    }
  }
  try {
    record(pid_, socket_);
  } catch (const SystemError&) {  // NOLINT(bugprone-empty-catch): it is on its hook; restore() writes the record again
  }
  return otherwise;
}

std::vector<Hook> Port::leave_attached() {
  if (!std::exchange(restored_, true)) {
    record(0, "");
  }
  return hooks_in_use();
}

// Those that still run a program of this port.
std::vector<Hook> Port::hooks_in_use() const {
  std::vector<Hook> hooks;
  for (const AttachmentRecord& attachment : attached_) {
    if (interface_exists(interface_.index) &&
        look_at_hook(interface_, attachment.hook, attachment.mode, attachment.program_id).runs()) {
      hooks.push_back(attachment.hook);
    }
  }
  return hooks;
}

std::vector<Hook> Port::restore(const std::set<Hook>& keep) {
  if (std::exchange(restored_, true)) {
    return hooks_in_use();
  }
  ClaimRecord left;
  // In reverse order: the qdisc goes with the filter for which it was made.
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (auto attachment = attached_.rbegin(); attachment != attached_.rend(); ++attachment) {
    const bool kept = keep.contains(attachment->hook);
    if (!kept && attachment->owner == Owner::run) {
      detach(*attachment);
    } else if (!kept && attachment->owner == Owner::hand) {
      unpin(attachment->hook);  // whoever attached it expects that it is gone when it is taken off
    } else {
      left.attachments.insert(left.attachments.begin(), *attachment);
    }
  }
  for (const AttachmentRecord& other : others()) {
    if (other.owner == Owner::run && owner_ == Owner::run) {
      detach(other);  // the run that would is dead
    } else {
      left.attachments.push_back(other);
    }
  }
  for (AttachmentRecord& attachment : left.attachments) {
    attachment.driven = false;  // not if the same process claims the port again
  }
  if (left.attachments.empty()) {
    claim_.erase();
  } else {
    claim_.write(left);
  }
  return hooks_in_use();
}

}  // namespace nicsentry
