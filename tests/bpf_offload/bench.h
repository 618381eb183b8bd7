// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "host/datapath/event_reader.h"
#include "host/datapath/mode.h"
#include "host/datapath/object_file.h"
#include "host/datapath/program.h"
#include "host/datapath/test_run.h"
#include "host/report/profile.h"
#include "host/sessions/fingerprint.h"
#include "tests/bpf_offload/naive_parser.h"

namespace nicsentry::testing {

struct ObjectName {
  Profile profile = Profile::all;
  Target target = Target::xdp;

  bool on_card() const { return target == Target::card || target == Target::card_vlan; }
  bool on_xdp() const { return on_card() || target == Target::xdp; }
  bool raw_ip() const { return target == Target::raw_ip; }
  bool tracks_icmp() const { return has_ddos(profile); }
  std::string text() const;  // "sentry_tc"
};

// Three programs, each as it is for the card, for XDP on the host and for TC.
// Their differences are not the host's: under a sanitizer one of each target.
inline constexpr std::array kObjects = {
#ifdef NICSENTRY_SANITIZE
    ObjectName{Profile::ddos, Target::card},
    ObjectName{Profile::crypto, Target::xdp},
    ObjectName{Profile::all, Target::tc},
#else
    ObjectName{Profile::ddos, Target::card},  ObjectName{Profile::ddos, Target::xdp},
    ObjectName{Profile::ddos, Target::tc},    ObjectName{Profile::crypto, Target::card},
    ObjectName{Profile::crypto, Target::xdp}, ObjectName{Profile::crypto, Target::tc},
    ObjectName{Profile::all, Target::card},   ObjectName{Profile::all, Target::xdp},
    ObjectName{Profile::all, Target::tc},
#endif
};

// The maps as the host has written them before a packet comes.
struct Situation {
  std::uint32_t epoch = 1;
  std::uint32_t share = CONFIG_SHARE_ALL;
  bool capture_known = true;
  bool partial_frames = false;
  std::optional<std::uint32_t> counter = std::nullopt;  // the packet's session is known and has this
  std::uint32_t muted_epoch = 0;
  bool second_bucket = false;  // where the session stands
  unsigned slot = 0;
  std::optional<VlanIds> vlans = std::nullopt;  // the session's; none: no session has any
};

// One object in the kernel, and all that can be seen of it.
class Bench {
 public:
  // `multi_buffer`: as on a driver that gives long frames in several buffers.
  explicit Bench(const ObjectName& object, bool multi_buffer = false);

  // The object's bench of this process: nothing is in its maps, no event waits.
  static Bench& shared(const ObjectName& object, bool multi_buffer = false);

  static constexpr unsigned kBucketBits = 6;
  static constexpr std::uint32_t kSessions = 32;

  // Whether BPF_PROG_TEST_RUN takes the frame: as a socket buffer not one that ends in an IP header right behind
  // Ethernet (EINVAL since Linux 6.18; net/bpf/test_run.c). XDP takes them all, and the walk is the same code. For a
  // program that reads packets without an Ethernet header: behind that of the frame.
  bool takes(std::span<const std::uint8_t> frame) const;

  // Sends the frame, without its Ethernet header where the program knows none, and says how what happened differs from
  // what should have; empty when it does not. Everything is compared: the verdict, all totals and this session's
  // counters in both halves, events with header and bytes.
  std::string differences(std::span<const std::uint8_t> frame, const Reading& reading, const Situation& situation);

  // The control word as it is, also one that no Situation has.
  void set_control(const control& value);
  void install(const SessionKey& key, const Situation& situation);
  void clear_sessions() { program_.maps().clear_buckets(); }
  std::uint32_t run(std::span<const std::uint8_t> frame) { return run_.run(sent(frame)); }
  EventBatch take_events();
  Maps& maps() { return program_.maps(); }
  const FingerprintKeys& keys() const { return keys_; }

 private:
  std::span<const std::uint8_t> sent(std::span<const std::uint8_t> frame) const {
    return object_.raw_ip() ? frame.subspan(kEthernet) : frame;
  }
  static constexpr std::size_t kEthernet = 14;

  using BothHalves = std::array<Totals, 2>;
  BothHalves read_totals() const;

  ObjectName object_;
  mutable Program program_;
  TestRun run_;
  EventReader reader_;
  FingerprintKeys keys_ = fixed_keys();
};

control control_for(const Situation& situation, const FingerprintKeys& keys);
std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace nicsentry::testing
