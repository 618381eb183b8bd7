// SPDX-License-Identifier: GPL-2.0-or-later
// States of connections in the slots of two attachments, with the compiled programs and their maps in the kernel:
// packets in by XDP, packets out by TC egress. The host's clock is set by hand.
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/analysis/monitor.h"
#include "host/base/unique_fd.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "tests/support/packet_builder.h"
#include "tests/support/program_pool.h"
#include "tests/support/tcp_flags.h"

namespace nicsentry::connections_test {
using testing::Bytes;
using testing::PacketBuilder;

namespace {

using namespace std::chrono_literals;
using testing::kAck;
using testing::kFin;
using testing::kRst;
using testing::kSyn;

IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress address;
  address.bytes = {a, b, c, d};
  return address;
}

constexpr TimestampNs kBegin = 1'000'000'000'000;
TimestampNs now_ns = kBegin;
TimestampNs tell_time() { return ++now_ns; }

// The ends of a session: `peer` is out there, its packets come in. Its address is the lower one.
struct Ends {
  IpAddress peer = ipv4(10, 0, 0, 1);
  IpAddress ours = ipv4(10, 0, 0, 2);
  std::uint16_t peer_port = 40000;
  std::uint16_t our_port = 443;

  SessionKey key(Protocol protocol) const { return normalise({peer, peer_port}, {ours, our_port}, protocol).key; }
};

Ends peer_number(std::uint8_t number) {
  Ends ends;
  ends.peer = ipv4(10, 0, number, 1);
  return ends;
}

constexpr std::uint32_t kPeersFirst = 0x10000;
constexpr std::uint32_t kOurFirst = 0x50000;

Bytes be32(std::uint32_t value) {
  Bytes bytes = testing::be16(static_cast<std::uint16_t>(value >> 16U));
  testing::append(bytes, testing::be16(static_cast<std::uint16_t>(value)));
  return bytes;
}

// A header of an end that has sent only a SYN, whose number is `first`, to one whose SYN's is `others_first`.
Bytes tcp_header(std::uint16_t source, std::uint16_t destination, unsigned flags, std::uint32_t first,
                 std::uint32_t others_first) {
  Bytes header = testing::be16(source);
  testing::append(header, testing::be16(destination));
  testing::append(header, be32(first + ((flags & kSyn) != 0 ? 0 : 1)));
  testing::append(header, be32((flags & kAck) != 0 ? others_first + 1 : 0));
  testing::append(header, {0x50, static_cast<std::uint8_t>(flags), 0x20, 0, 0, 0, 0, 0});
  return header;
}

// Frames that come in are the peer's. `beyond`: how far the number is beyond what was sent.
Bytes tcp_in(const Ends& ends, unsigned flags, std::uint32_t beyond = 0) {
  return PacketBuilder()
      .addresses(ends.peer, ends.ours)
      .transport(6, tcp_header(ends.peer_port, ends.our_port, flags, kPeersFirst + beyond, kOurFirst))
      .build();
}
Bytes tcp_out(const Ends& ends, unsigned flags) {
  return PacketBuilder()
      .addresses(ends.ours, ends.peer)
      .transport(6, tcp_header(ends.our_port, ends.peer_port, flags, kOurFirst, kPeersFirst))
      .build();
}
Bytes udp_in(const Ends& ends) {
  return PacketBuilder().addresses(ends.peer, ends.ours).udp(ends.peer_port, ends.our_port).build();
}
Bytes udp_out(const Ends& ends) {
  return PacketBuilder().addresses(ends.ours, ends.peer).udp(ends.our_port, ends.peer_port).build();
}

template <typename Value>
void write_map(Program& program, const std::string& name, std::uint32_t index, const Value& value) {
  std::vector<std::uint32_t> ids(64);
  bpf_prog_info info{};
  info.nr_map_ids = static_cast<std::uint32_t>(ids.size());
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  std::uint32_t size = sizeof(info);
  REQUIRE(bpf_obj_get_info_by_fd(program.fd(), &info, &size) == 0);
  for (std::uint32_t i = 0; i < info.nr_map_ids; ++i) {
    const UniqueFd map(bpf_map_get_fd_by_id(ids[i]));
    bpf_map_info map_info{};
    size = sizeof(map_info);
    REQUIRE(bpf_obj_get_info_by_fd(map.get(), &map_info, &size) == 0);
    if (name == map_info.name) {
      REQUIRE(map_info.value_size == sizeof(value));
      REQUIRE(bpf_map_update_elem(map.get(), &index, &value, BPF_ANY) == 0);
      return;
    }
  }
  FAIL("the program has no map " << name);
}

// No rules: `config` is done to what does not have the state `accepted`.
void put_in_force(Program& program, std::uint32_t config, std::uint32_t accepted = STATE_ESTABLISHED) {
  rule_bank bank{};
  bank.established = accepted;
  write_map(program, "rule_banks", 0, bank);
  write_map(program, "rule_banks", 1, bank);
  rule_action by_default{};
  by_default.config = config;
  write_map(program, "rule_actions", ACTION_DEFAULT, by_default);
  fw_config on{};
  on.config = FIREWALL_ON;
  on.set_roots[0] = on.set_roots[1] = INTERVAL_LEAF;
  write_map(program, "fw_control", 0, on);
}

void drop_by_default(Program& program) { put_in_force(program, ACTION_DROP); }
void accept_by_default(Program& program) { put_in_force(program, 0); }

// Room for no more than a default.
constexpr FirewallSize kRoom{2, 1, 1};

// One program on one hook of the monitor.
class Side {
 public:
  // `answers`: the map of expectations that the sides share, made for the first one.
  Side(Monitor& monitor, Hook hook, std::uint32_t sessions, std::optional<int> answers = std::nullopt)
      : Side(monitor, hook, sessions,
             testing::pooled_program({.object = find_object(kSentry, hook == Hook::xdp ? Target::xdp : Target::tc),
                                      .mode = hook == Hook::xdp ? Mode::drv : Mode::tc,
                                      .size = {sessions, bucket_bits_for(sessions)},
                                      .firewall = kRoom,
                                      .expectations = answers}),
             fixed_keys(), false) {}
  // `adopted`: another controller has driven the program.
  Side(Monitor& monitor, Hook hook, std::uint32_t sessions, Program program, const FingerprintKeys& keys, bool adopted)
      : program_(std::move(program)),
        test_run_(program_),
        attachment(monitor.add_attachment((adopted ? Attachment::adopt : Attachment::fresh)(
            {"test", hook_name(hook), "drv"}, std::move(program_), {sessions, keys, test_run_.cpu()}))),
        monitor_(monitor) {}

  std::uint32_t send(const Bytes& frame) { return test_run_.run(frame); }
  // The host reads what came; `dropped` says that the firewall had dropped it.
  std::size_t read(bool dropped = false) {
    EventBatch sent;
    attachment.reader().drain(sent);
    EventBatch batch;
    for (const EventBatch::Event& event : sent.events()) {
      event_header header = event.header;
      header.verdict |= dropped ? ACTION_DROP : 0;
      batch.append(tell_time(), header, sent.packet(event));
    }
    monitor_.process(attachment, batch);
    return batch.events().size();
  }
  std::size_t pass(const Bytes& frame) {
    send(frame);
    return read();
  }
  std::size_t drop(const Bytes& frame) {
    send(frame);
    return read(true);
  }

  // As if it were written so many units of time before, see bpf_offload/expectations.h.
  void make_expectation_older(const SessionKey& key, std::uint32_t units) {
    const auto name = expectation_name(fingerprint(key, attachment.sessions().keys()));
    const int map = attachment.program().firewall()->expectations_fd().value();
    const auto index = static_cast<std::uint32_t>(name % ANSWERS);
    std::uint64_t word = 0;
    REQUIRE(bpf_map_lookup_elem(map, &index, &word) == 0);
    REQUIRE((word ^ name) >> ANSWER_PRINT_SHIFT == 0);
    constexpr std::uint64_t kTime = (1U << 30U) - 1;
    word = (word & ~kTime) | ((word - units) & kTime);
    REQUIRE(bpf_map_update_elem(map, &index, &word, BPF_ANY) == 0);
  }

  // The session's slot in the map, by both ends' states: "N E" is NEW for the lower end, ESTABLISHED for the higher;
  // "none" where there is no slot.
  std::string states(const SessionKey& key) {
    const auto words = fingerprint(key, attachment.sessions().keys()).words();
    Maps& maps = attachment.program().maps();
    for (std::uint32_t index = 0; index < maps.bucket_count(); ++index) {
      const session_bucket bucket = maps.read_bucket(index);
      for (const session_slot& slot : bucket.slot) {
        if ((slot.state & SLOT_VALID) != 0 && std::memcmp(slot.fingerprint, words.data(), sizeof(words)) == 0) {
          CHECK(slot.state >> (SLOT_STATE_SHIFT + 2 * SLOT_STATE_BITS) == 0);
          const auto state = [&slot](unsigned shift) { return "NERI"[slot.state >> shift & STATE_MASK]; };
          return {state(SLOT_STATE_SHIFT), ' ', state(SLOT_STATE_SHIFT + SLOT_STATE_BITS)};
        }
      }
    }
    return "none";
  }

 private:
  Program program_;
  TestRun test_run_;

 public:
  Attachment& attachment;

 private:
  Monitor& monitor_;
};

class Fixture {
 public:
  explicit Fixture(std::uint32_t sessions = 64, std::uint64_t cap = 100)
      : monitor(Profile::all, cap, tell_time),
        in(monitor, Hook::xdp, sessions),
        out(monitor, Hook::tc_egress, sessions, in.attachment.program().firewall()->expectations_fd()) {}
  struct Programs {
    Program in;
    Program out;
  };
  // Another controller over the programs of one that is gone.
  Fixture(Programs programs, std::uint32_t sessions)
      : monitor(Profile::all, 100, tell_time),
        in(monitor, Hook::xdp, sessions, std::move(programs.in), following_keys(fixed_keys()), true),
        out(monitor, Hook::tc_egress, sessions, std::move(programs.out), following_keys(fixed_keys()), true) {
    monitor.track_connections(true);
  }
  // To be destroyed afterwards: it has none any more.
  Programs give_away() { return {std::move(in.attachment.program()), std::move(out.attachment.program())}; }

  // The states of a session on both attachments: they are never to differ in these tests.
  std::string states(const SessionKey& key) {
    std::string both = in.states(key);
    CHECK(out.states(key) == both);
    return both;
  }

  WindowCloser flip() { return monitor.flip(window_++, std::exchange(start_ns_, tell_time())); }
  WindowReport collect(WindowCloser& closing) {
    in.read();
    out.read();
    return closing.collect(start_ns_);
  }
  WindowReport swap() {
    WindowCloser closing = flip();
    return collect(closing);
  }
  void swaps(int windows) {
    for (int i = 0; i < windows; ++i) {
      swap();
    }
  }
  // Lets a second or more pass, and the host look at all connections.
  void wait(std::chrono::nanoseconds time) {
    now_ns += time.count();
    monitor.tick(now_ns);
  }
  // Evicted counters come free, within the window.
  void rest() {
    monitor.begin_rest();
    in.read();
    out.read();
    monitor.end_rest();
  }
  std::vector<ConnectionRow> connections() const {
    std::vector<ConnectionRow> rows = monitor.connections().rows;
    sort_by_first_packet(rows);
    return rows;
  }
  void shake_hands(const Ends& ends) {
    in.pass(tcp_in(ends, kSyn));
    out.pass(tcp_out(ends, kSyn | kAck));
    in.pass(tcp_in(ends, kAck));
  }

  // Sends of an established connection all that this cap wants.
  void exhaust(const Ends& ends, int cap) {
    shake_hands(ends);
    for (int i = 0; i < cap; ++i) {
      in.pass(tcp_in(ends, kAck));
    }
  }

  Monitor monitor;
  Side in;
  Side out;

 private:
  std::uint64_t window_ = 0;
  TimestampNs start_ns_ = tell_time();
};

const Ends kEnds;
const SessionKey kTcp = kEnds.key(Protocol::tcp);
const SessionKey kUdp = kEnds.key(Protocol::udp);

}  // namespace

TEST_CASE("states are not written unless connections are tracked, and no attachment has sessions of another") {
  Fixture f;
  f.in.pass(tcp_in(kEnds, kSyn));
  CHECK(f.in.states(kTcp) == "N N");
  CHECK(f.out.states(kTcp) == "none");
  f.out.pass(tcp_out(kEnds, kSyn | kAck));
  CHECK(f.states(kTcp) == "N N");
  CHECK(f.monitor.connections().state_latency.histogram.count() == 0);
}

TEST_CASE("a session that one attachment has seen has its states on all attachments before its answer arrives") {
  Fixture f;
  f.monitor.track_connections(true);
  f.in.pass(tcp_in(kEnds, kSyn));
  CHECK(f.states(kTcp) == "N E");
  f.out.pass(tcp_out(kEnds, kSyn | kAck));
  CHECK(f.states(kTcp) == "E E");
  const WindowReport report = f.swap();
  REQUIRE(report.sessions.size() == 1);
  CHECK(report.sessions[0].packets_client == 1);
  CHECK(report.sessions[0].packets_server == 1);
  CHECK(report.attachments[0].sessions_new == 1);
  CHECK(report.attachments[1].sessions_new == 0);
  CHECK(report.attachments[1].on_sessions.packets == 1);
  CHECK(report.attachments[1].unknown.packets == 0);
}

TEST_CASE("an entry that only carries states is not an active session of its attachment") {
  Fixture f;
  f.monitor.track_connections(true);
  f.in.pass(udp_in(kEnds));
  CHECK(f.states(kUdp) == "N E");
  const WindowReport report = f.swap();
  CHECK(report.attachments[0].sessions_active == 1);
  CHECK(report.attachments[1].sessions_active == 0);
  CHECK(report.attachments[1].sessions_refused == 0);
}

TEST_CASE("packets that the firewall dropped change no states and add no entry on other attachments") {
  Fixture f;
  f.monitor.track_connections(true);
  f.in.drop(udp_in(kEnds));
  CHECK(f.in.states(kUdp) == "N N");
  CHECK(f.out.states(kUdp) == "none");
  f.out.pass(udp_out(kEnds));
  CHECK(f.states(kUdp) == "E N");
  f.in.drop(udp_in(kEnds));
  CHECK(f.states(kUdp) == "E N");
  f.in.pass(udp_in(kEnds));
  CHECK(f.states(kUdp) == "E E");
}

TEST_CASE("tracking that is turned on later writes the states of what was seen before, on all attachments") {
  Fixture f;
  f.shake_hands(kEnds);
  f.in.pass(udp_in(kEnds));
  CHECK(f.in.states(kUdp) == "N N");
  CHECK(f.out.states(kUdp) == "none");
  f.monitor.track_connections(true);
  CHECK(f.states(kTcp) == "E E");
  CHECK(f.states(kUdp) == "N E");
  CHECK(f.monitor.connections().state_latency.histogram.count() == 0);
  f.out.pass(udp_out(kEnds));
  CHECK(f.states(kUdp) == "E E");

  f.monitor.track_connections(false);
  f.in.pass(tcp_in(kEnds, kRst));
  f.in.pass(tcp_in(kEnds, kSyn));
  CHECK(f.states(kTcp) == "E E");
  f.monitor.track_connections(true);
  CHECK(f.states(kTcp) == "N E");
}

TEST_CASE("an attachment that is added later has the states of all connections") {
  Monitor monitor(Profile::all, 100, tell_time);
  monitor.track_connections(true);
  Side in(monitor, Hook::xdp, 64);
  in.pass(udp_in(kEnds));
  Side out(monitor, Hook::tc_egress, 64);
  CHECK(out.states(kUdp) == "N E");
}

TEST_CASE("with a default of drop and established accepted, answers pass once the host has read the question") {
  Fixture f;
  f.monitor.track_connections(true);
  drop_by_default(f.in.attachment.program());

  CHECK(f.in.send(tcp_in(kEnds, kSyn)) == XDP_DROP);
  f.in.read();
  CHECK(f.in.states(kTcp) == "N N");
  CHECK(f.in.send(tcp_in(kEnds, kAck)) == XDP_DROP);

  CHECK(f.out.send(tcp_out(kEnds, kSyn)) == static_cast<std::uint32_t>(TC_ACT_UNSPEC));
  f.out.read();
  CHECK(f.in.send(tcp_in(kEnds, kSyn | kAck)) == XDP_PASS);
  f.in.read();
  CHECK(f.in.send(tcp_in(kEnds, kAck)) == XDP_PASS);

  f.out.pass(udp_out(kEnds));
  CHECK(f.in.send(udp_in(kEnds)) == XDP_PASS);
  CHECK(f.in.send(udp_in(peer_number(9))) == XDP_DROP);
}

TEST_CASE("an answer passes before the host has read the question, whatever the windows") {
  Fixture f;
  f.monitor.track_connections(true);
  drop_by_default(f.in.attachment.program());
  accept_by_default(f.out.attachment.program());
  const auto passes_out = static_cast<std::uint32_t>(TC_ACT_UNSPEC);

  CHECK(f.in.send(tcp_in(kEnds, kSyn | kAck)) == XDP_DROP);
  CHECK(f.out.send(tcp_out(kEnds, kSyn)) == passes_out);
  CHECK(f.in.send(tcp_in(kEnds, kSyn | kAck)) == XDP_PASS);
  CHECK(f.in.send(tcp_in(peer_number(9), kSyn | kAck)) == XDP_DROP);

  CHECK(f.in.send(udp_in(kEnds)) == XDP_DROP);
  CHECK(f.out.send(udp_out(kEnds)) == passes_out);
  CHECK(f.in.send(udp_in(kEnds)) == XDP_PASS);
  CHECK(f.in.send(udp_in(peer_number(9))) == XDP_DROP);

  // A packet that opens no session, or that was dropped, gets no answer.
  CHECK(f.out.send(tcp_out(peer_number(3), kAck)) == passes_out);
  CHECK(f.in.send(tcp_in(peer_number(3), kAck)) == XDP_DROP);
  drop_by_default(f.out.attachment.program());
  CHECK(f.out.send(udp_out(peer_number(4))) == static_cast<std::uint32_t>(TC_ACT_SHOT));
  CHECK(f.in.send(udp_in(peer_number(4))) == XDP_DROP);

  control now = f.in.attachment.program().maps().read_control();
  now.epoch += 100;
  write_map(f.in.attachment.program(), CONTROL_MAP_NAME, 0, now);
  CHECK(f.in.send(udp_in(kEnds)) == XDP_PASS);
  f.in.make_expectation_older(kUdp, 27);
  CHECK(f.in.send(udp_in(kEnds)) == XDP_PASS);
  f.in.make_expectation_older(kUdp, 2);
  CHECK(f.in.send(udp_in(kEnds)) == XDP_DROP);
}

TEST_CASE("what the host has forgotten is not expected any more") {
  Fixture f;
  Lifetimes lifetimes;
  lifetimes.udp = 2s;
  f.monitor.track_connections(true, lifetimes);
  drop_by_default(f.in.attachment.program());
  accept_by_default(f.out.attachment.program());
  f.out.pass(udp_out(kEnds));
  f.out.pass(udp_out(peer_number(9)));
  f.wait(1s);
  f.out.pass(udp_out(peer_number(9)));
  f.wait(1s);
  CHECK(f.states(kUdp) == "N N");
  CHECK(f.in.send(udp_in(kEnds)) == XDP_DROP);
  CHECK(f.in.send(udp_in(peer_number(9))) == XDP_PASS);
}

TEST_CASE("on a closed connection a SYN meets the rules, and all else is ESTABLISHED") {
  const bool reset = GENERATE(false, true);
  CAPTURE(reset);
  Fixture f;
  f.monitor.track_connections(true);
  drop_by_default(f.in.attachment.program());
  accept_by_default(f.out.attachment.program());
  f.out.pass(tcp_out(kEnds, kSyn));
  f.in.pass(tcp_in(kEnds, kSyn | kAck));
  f.out.pass(tcp_out(kEnds, kAck));
  CHECK(f.in.send(tcp_in(kEnds, kAck)) == XDP_PASS);
  if (reset) {
    f.in.pass(tcp_in(kEnds, kRst));
  } else {
    f.in.pass(tcp_in(kEnds, kFin | kAck));
    f.out.pass(tcp_out(kEnds, kFin | kAck));
  }
  CHECK(f.out.send(tcp_out(kEnds, kAck)) == static_cast<std::uint32_t>(TC_ACT_UNSPEC));
  CHECK(f.in.send(tcp_in(kEnds, kSyn)) == XDP_DROP);
  CHECK(f.in.send(tcp_in(kEnds, kAck)) == XDP_PASS);
  f.in.read();
  CHECK(f.states(kTcp) == "R R");
  CHECK(f.connections()[0].state == (reset ? "ESTABLISHED" : "CLOSED"));
  if (reset) {  // the end that goes on did not send the RST; its SYN meets the rules nevertheless
    CHECK(f.in.send(tcp_in(kEnds, kSyn)) == XDP_DROP);
    CHECK(f.in.send(tcp_in(kEnds, kAck)) == XDP_PASS);
    return;
  }
  f.out.pass(tcp_out(kEnds, kSyn));
  CHECK(f.states(kTcp) == "E N");
  CHECK(f.in.send(tcp_in(kEnds, kSyn | kAck)) == XDP_PASS);
}

TEST_CASE("a blind RST ends no connection, also where bytes were counted that nobody saw") {
  Fixture f(64, 5);
  f.monitor.track_connections(true);
  drop_by_default(f.in.attachment.program());
  accept_by_default(f.out.attachment.program());
  f.out.pass(tcp_out(kEnds, kSyn));
  f.in.pass(tcp_in(kEnds, kSyn | kAck));
  f.out.pass(tcp_out(kEnds, kAck));
  const bool capped = GENERATE(false, true);
  CAPTURE(capped);
  if (capped) {
    for (int i = 0; i < 10; ++i) {
      f.in.pass(tcp_in(kEnds, kAck));
    }
  }
  const std::uint32_t bytes = 40 * (capped ? 8 : 0);  // IPv4 and TCP, of what came beyond the cap
  CHECK(f.in.pass(tcp_in(kEnds, kRst, bytes + 1000)) == 1);
  CHECK(f.states(kTcp) == "E E");
  f.wait(20s);
  CHECK(f.in.send(tcp_in(kEnds, kAck)) == XDP_PASS);
  f.in.read();
  f.in.make_expectation_older(kTcp, 1);
  CHECK(f.in.pass(tcp_in(kEnds, kRst, bytes)) == 1);
  CHECK(f.states(kTcp) == "R R");
  f.wait(1s);
  f.wait(10s);
  CHECK(f.in.send(tcp_in(kEnds, kAck)) == XDP_DROP);
}

namespace {

const IpAddress kRouter = ipv4(198, 51, 100, 1);

IpAddress ipv6(std::uint8_t last) {
  IpAddress address;
  address.version = 6;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  address.bytes[15] = last;
  return address;
}

// An error from a router, about a frame.
Bytes error_about(const Bytes& frame, const IpAddress& to = kEnds.ours) {
  const bool version_6 = to.version == 6;
  Bytes message{static_cast<std::uint8_t>(version_6 ? 2 : 3), 4, 0, 0, 0, 0, 5, 0};
  message.insert(message.end(), frame.begin() + 14, frame.end());
  return PacketBuilder().addresses(version_6 ? ipv6(99) : kRouter, to).transport(version_6 ? 58 : 1, message).build();
}

}  // namespace

TEST_CASE("the first ICMP error that quotes a packet of a connection is RELATED, any other one is not") {
  Fixture f;
  f.monitor.track_connections(true);
  put_in_force(f.in.attachment.program(), ACTION_DROP, STATE_RELATED);
  accept_by_default(f.out.attachment.program());
  const auto verdict = [&f](const Bytes& frame) {
    const bool passes = f.in.send(frame) == XDP_PASS;
    f.in.read();
    return passes;
  };
  CHECK_FALSE(verdict(error_about(udp_out(kEnds))));
  f.out.send(udp_out(kEnds));  // the host has not read of it yet
  CHECK(verdict(error_about(udp_out(kEnds))));
  f.out.read();
  f.out.pass(tcp_out(kEnds, kSyn));
  for (std::uint32_t i = 0; i < 2; ++i) {
    CHECK(verdict(error_about(udp_out(kEnds))));
    CHECK(verdict(error_about(tcp_out(kEnds, kAck))));
  }
  Ends other = kEnds;
  other.peer_port += 1;
  CHECK_FALSE(verdict(error_about(udp_out(other))));  // one quote proves nothing of another
  CHECK_FALSE(verdict(error_about(udp_out(peer_number(9)))));
  CHECK_FALSE(verdict(error_about(udp_in(kEnds))));  // not sent by whom the error is for
  CHECK_FALSE(verdict(error_about(udp_out(kEnds), kEnds.peer)));
  Bytes cut = error_about(udp_out(kEnds));
  cut.resize(14 + 20 + 8 + 20 + 3);
  cut[17] = static_cast<std::uint8_t>(cut.size() - 14);
  CHECK_FALSE(verdict(cut));
  f.wait(30s);
  f.in.make_expectation_older(kUdp, 28);
  CHECK_FALSE(verdict(error_about(udp_out(kEnds))));
  CHECK(verdict(error_about(tcp_out(kEnds, kAck))));
}

TEST_CASE("an error about one session does not let errors in that quote a ping which nobody sent") {
  Fixture f;
  f.monitor.track_connections(true);
  put_in_force(f.in.attachment.program(), ACTION_DROP, STATE_RELATED);
  accept_by_default(f.out.attachment.program());
  const Bytes ping = PacketBuilder().addresses(kEnds.ours, kEnds.peer).icmp(8).build();
  const auto error_of_peer = [](const Bytes& frame) {  // of the session that a ping would be of, too
    Bytes message{3, 1, 0, 0, 0, 0, 0, 0};
    message.insert(message.end(), frame.begin() + 14, frame.end());
    return PacketBuilder().addresses(kEnds.peer, kEnds.ours).transport(1, message).build();
  };
  const auto verdict = [&](const Bytes& quoted) {
    const bool passes = f.in.send(error_of_peer(quoted)) == XDP_PASS;
    f.in.read();
    return passes;
  };
  f.out.pass(udp_out(kEnds));
  CHECK(verdict(udp_out(kEnds)));
  CHECK_FALSE(verdict(ping));
  CHECK(verdict(udp_out(kEnds)));
  CHECK_FALSE(verdict(ping));
  f.out.pass(ping);
  CHECK(verdict(ping));
}

TEST_CASE("ICMPv6 errors, and errors about pings, are RELATED by what they quote, too") {
  Fixture f;
  f.monitor.track_connections(true);
  put_in_force(f.in.attachment.program(), ACTION_DROP, STATE_RELATED);
  put_in_force(f.out.attachment.program(), 0);
  Ends ends;
  ends.peer = ipv6(1);
  ends.ours = ipv6(2);
  CHECK(f.in.send(error_about(udp_out(ends), ends.ours)) == XDP_DROP);
  f.out.pass(udp_out(ends));
  CHECK(f.in.send(error_about(udp_out(ends), ends.ours)) == XDP_PASS);
  CHECK(f.in.send(error_about(tcp_out(ends, kSyn), ends.ours)) == XDP_DROP);

  const Bytes ping = PacketBuilder().addresses(kEnds.ours, kEnds.peer).icmp(8).build();
  CHECK(f.in.send(error_about(ping)) == XDP_DROP);
  f.out.pass(ping);
  CHECK(f.in.send(error_about(ping)) == XDP_PASS);
}

TEST_CASE(
    "connections are followed by time also while a window closes, whichever program turned to the next one first") {
  Fixture f;
  f.monitor.track_connections(true);
  WindowCloser closing = f.flip();
  const std::uint32_t open = f.monitor.open_epoch();
  f.in.send(udp_in(kEnds));              // in the next window
  f.out.attachment.set_epoch(open - 1);  // this program has not turned yet
  f.out.send(udp_out(kEnds));
  f.out.attachment.set_epoch(open);
  f.in.read();
  f.out.read();
  REQUIRE(f.connections().size() == 1);
  CHECK(f.connections()[0].originator == Direction::from_lower);
  CHECK(f.connections()[0].state == "ESTABLISHED");
  CHECK(f.states(kUdp) == "E E");  // in force before the window is closed

  const WindowReport first = f.collect(closing);
  REQUIRE(first.sessions.size() == 1);
  CHECK(first.sessions[0].packets_client + first.sessions[0].packets_server == 1);
  CHECK(first.attachments[0].sessions_new == 0);
  CHECK(first.attachments[1].sessions_new == 1);
  const WindowReport second = f.swap();
  REQUIRE(second.sessions.size() == 1);
  CHECK(second.sessions[0].id == first.sessions[0].id);
  CHECK(second.sessions[0].packets_client + second.sessions[0].packets_server == 1);
  CHECK(second.attachments[0].sessions_new == 0);
  CHECK(second.attachments[0].unknown_events_arrived == 1);
  CHECK(f.swap().sessions.empty());
}

TEST_CASE(
    "errors are RELATED from the second one about a connection on, but programs that read quotes have no state of it") {
  Fixture f;
  f.monitor.track_connections(true);
  const SessionKey errors = normalise({kRouter, 0}, {kEnds.ours, 0}, Protocol::icmp).key;
  const auto listed = [&f, &errors] {
    for (const auto& connection : f.connections()) {
      if (connection.key == errors) return std::string(connection.state);
    }
    return std::string("none");
  };
  f.in.drop(error_about(udp_out(kEnds)));
  CHECK(listed() == "none");
  f.in.pass(error_about(udp_out(kEnds)));
  CHECK(listed() == "none");
  f.out.pass(udp_out(kEnds));
  f.in.drop(error_about(udp_out(kEnds)));
  CHECK(listed() == "RELATED");  // what a card gets
  CHECK(f.in.states(errors) == "N N");
}

TEST_CASE("at a cap of 1 a session is muted only when no packet can change its state soon") {
  Fixture f(64, 1);
  f.monitor.track_connections(true);
  CHECK(f.in.pass(tcp_in(kEnds, kSyn)) == 1);
  CHECK(f.in.pass(tcp_in(kEnds, kSyn)) == 1);
  CHECK(f.out.pass(tcp_out(kEnds, kSyn | kAck)) == 1);
  CHECK(f.states(kTcp) == "E E");
  CHECK(f.in.pass(tcp_in(kEnds, kAck)) == 1);  // ends the handshake
  CHECK(f.in.pass(tcp_in(kEnds, kAck)) == 0);
  CHECK(f.out.pass(tcp_out(kEnds, kAck)) == 0);
  const WindowReport report = f.swap();
  REQUIRE(report.sessions.size() == 1);
  CHECK(report.sessions[0].packets.size() == 1);
  CHECK(report.sessions[0].packets_client == 4);
  CHECK(report.sessions[0].packets_server == 2);
}

TEST_CASE("a session without an answer is muted at ten times the cap, a dropped session at the cap") {
  Fixture f(64, 3);
  f.monitor.track_connections(true);
  int events = 0;
  int events_dropped = 0;
  for (int i = 0; i < 50; ++i) {
    events += static_cast<int>(f.in.pass(udp_in(kEnds)));
    events_dropped += static_cast<int>(f.in.drop(udp_in(peer_number(9))));
  }
  CHECK(events == 30);
  CHECK(events_dropped == 3);
}

TEST_CASE("states live for their time, whatever the windows") {
  const int windows = GENERATE(0, 1, 40);
  CAPTURE(windows);
  Fixture f;
  f.monitor.track_connections(true);
  const Ends other = peer_number(9);
  const Ends asked = peer_number(8);
  f.shake_hands(kEnds);
  f.in.pass(tcp_in(other, kSyn));
  f.out.pass(udp_out(kEnds));
  f.out.pass(udp_out(asked));
  f.in.pass(udp_in(asked));
  const auto wait = [&](std::chrono::nanoseconds time) {
    f.swaps(windows);
    f.wait(time);
    f.swaps(windows);
  };
  wait(29s);
  CHECK(f.states(kUdp) == "E N");
  wait(1s);
  CHECK(f.states(kUdp) == (windows == 40 ? "none" : "N N"));
  CHECK(f.states(asked.key(Protocol::udp)) == "E E");
  wait(89s);
  CHECK(f.states(asked.key(Protocol::udp)) == "E E");
  CHECK(f.states(other.key(Protocol::tcp)) == "N E");
  wait(1s);
  CHECK(f.states(asked.key(Protocol::udp)) == (windows == 40 ? "none" : "N N"));
  CHECK(f.states(other.key(Protocol::tcp)) == (windows == 40 ? "none" : "N N"));
  CHECK(f.connections().size() == 1);
  wait(119h);
  CHECK(f.states(kTcp) == "E E");
  wait(1h);
  CHECK(f.states(kTcp) == (windows == 40 ? "none" : "N N"));
  CHECK(f.connections().empty());
}

TEST_CASE("a run can be given other lifetimes") {
  Fixture f;
  Lifetimes lifetimes;
  lifetimes.udp = 2s;
  lifetimes.tcp_established = 1h;
  f.monitor.track_connections(true, lifetimes);
  f.shake_hands(kEnds);
  f.out.pass(udp_out(kEnds));
  f.wait(1s);
  CHECK(f.states(kUdp) == "E N");
  f.wait(1s);
  CHECK(f.states(kUdp) == "N N");
  f.wait(3597s);
  CHECK(f.states(kTcp) == "E E");
  f.wait(1s);
  CHECK(f.states(kTcp) == "N N");
}

TEST_CASE("a packet of which the host has no event keeps a connection alive as well") {
  enum class Seen { by_a_tick, by_a_window, before_the_end, before_the_end_in_the_other_half };
  const Seen seen =
      GENERATE(Seen::by_a_tick, Seen::by_a_window, Seen::before_the_end, Seen::before_the_end_in_the_other_half);
  CAPTURE(seen);
  Fixture f(64, 1);
  f.monitor.track_connections(true);
  f.in.pass(udp_in(kEnds));
  f.out.pass(udp_out(kEnds));
  if (seen == Seen::by_a_tick || seen == Seen::by_a_window) {
    CHECK(f.in.pass(udp_in(kEnds)) == 0);
    seen == Seen::by_a_tick ? f.wait(1s) : static_cast<void>(f.swap());
  } else {
    f.swap();
    f.wait(1s);
    f.in.send(udp_in(kEnds));  // its event is lost
    EventBatch lost;
    f.in.attachment.reader().drain(lost);
    CHECK(lost.events().size() == 1);
    if (seen == Seen::before_the_end_in_the_other_half) {
      f.in.attachment.set_epoch(f.monitor.open_epoch() - 1);
      f.in.send(udp_in(kEnds));
      f.in.attachment.set_epoch(f.monitor.open_epoch());
      f.in.attachment.reader().drain(lost);
    }
    f.wait(119s);
  }
  f.wait(119s);
  CHECK(f.states(kUdp) == "E E");
  f.wait(1s);
  CHECK(f.states(kUdp) == (seen == Seen::before_the_end_in_the_other_half ? "E E" : "N N"));
  f.swaps(2);  // reads both halves
  f.wait(120s);
  CHECK(f.states(kUdp) == "N N");
}

TEST_CASE("a SYN flood that is let in leaves no state that lives longer than a minute") {
  Fixture f;
  f.monitor.track_connections(true);
  f.in.pass(tcp_in(kEnds, kSyn));
  f.out.pass(tcp_out(kEnds, kSyn | kAck));
  f.wait(59s);
  CHECK(f.states(kTcp) == "E E");
  f.wait(1s);
  CHECK(f.states(kTcp) == "N N");
}

TEST_CASE("in a flood new sessions get the places of unanswered ones within the window, which keep their rows") {
  Fixture f(16, 5);
  f.monitor.track_connections(true);
  f.shake_hands(kEnds);
  constexpr std::uint8_t kFlood = 60;
  for (std::uint8_t i = 0; i < kFlood; ++i) {
    Ends ends = peer_number(static_cast<std::uint8_t>(10 + i));
    f.in.pass(udp_in(ends));
    CHECK(f.in.attachment.room().free != 0);
    CHECK(f.in.states(ends.key(Protocol::udp)) == "N E");
    if (f.monitor.wants_rest()) {
      f.rest();
    }
  }
  CHECK(f.states(kTcp) == "E E");
  const WindowReport report = f.swap();
  CHECK(report.attachments[0].sessions_refused == 0);
  CHECK(report.sessions.size() == 1U + kFlood);
  CHECK(report.attachments[0].sessions_active == 1U + kFlood);
  CHECK(report.attachments[0].unknown.packets + report.attachments[0].on_sessions.packets == 2U + kFlood);
  CHECK(f.swap().sessions.empty());
  CHECK(f.monitor.take_failures().empty());
}

TEST_CASE("a window has four rows for each place at most; what has none is in the accounting as left out") {
  Fixture f(16, 5);
  f.monitor.track_connections(true);
  constexpr std::uint16_t kFlood = 200;
  for (std::uint16_t i = 0; i < kFlood; ++i) {
    Ends ends = kEnds;
    ends.peer_port = i;
    f.in.pass(udp_in(ends));
    f.in.pass(udp_in(ends));
    if (f.monitor.wants_rest()) {
      f.rest();
    }
  }
  const WindowReport report = f.swap();
  const Accounting& in = report.attachments[0];
  CHECK(report.sessions.size() <= 4 * 16 + 1);
  CHECK(report.sessions.size() >= 4 * 16 - 4);
  CHECK(in.sessions_refused + report.attachments[1].sessions_refused == kFlood - report.sessions.size());
  CHECK(in.in().packets == 2 * kFlood);
  CHECK(in.unknown.packets == in.unknown_events_arrived + in.unknown_left_out());
  std::uint64_t packets = 0;
  for (const SessionWindow& row : report.sessions) {
    packets += row.packets_client + row.packets_server;
  }
  CHECK(packets == 2 * report.sessions.size());
  CHECK(packets == in.on_sessions.packets + in.learned.packets);
}

TEST_CASE("an id that rested is read once more before another session gets it") {
  Fixture f(4);
  f.monitor.track_connections(true);
  for (std::uint8_t i = 0; i < 4; ++i) {
    f.in.pass(udp_in(peer_number(i)));
  }
  CHECK(f.in.attachment.room().free == 0);
  CHECK(f.in.attachment.room().resting == 1);  // of the first session, the longest silent
  CHECK(f.monitor.wants_rest());
  // A packet that is still under way with the entry as it was.
  session_counters counters = f.in.attachment.program().maps().read_counters(0, f.in.attachment.half());
  counters.packets[0] += 7;
  write_map(f.in.attachment.program(), "counters", f.in.attachment.half(), counters);
  f.rest();
  CHECK(f.in.attachment.room().free == 1);
  f.in.pass(udp_in(peer_number(99)));
  f.in.pass(udp_in(peer_number(99)));
  const WindowReport report = f.swap();
  REQUIRE(report.sessions.size() == 5);
  CHECK(report.sessions[0].packets_client + report.sessions[0].packets_server == 8);
  CHECK(report.sessions[4].packets_client + report.sessions[4].packets_server == 2);
}

TEST_CASE("an event that was sent on counters' former session is no collision") {
  Fixture f(4);
  f.monitor.track_connections(true);
  for (std::uint8_t i = 0; i < 4; ++i) {
    f.in.pass(udp_in(peer_number(i)));
  }
  f.in.send(udp_in(peer_number(1)));  // its event waits
  EventBatch late;
  f.in.attachment.reader().drain(late);
  for (const std::uint32_t id : {1U, 2U, 3U}) {
    f.in.attachment.sessions().evict(id);
  }
  f.in.attachment.flush();
  f.rest();
  for (std::uint8_t i = 10; i < 13; ++i) {
    f.in.pass(udp_in(peer_number(i)));
  }
  f.monitor.process(f.in.attachment, late);
  CHECK_FALSE(f.in.attachment.sessions().keys_are_spent());
}

TEST_CASE("established connections give up their places only after 5 minutes of silence") {
  Fixture f(4, 100);
  f.monitor.track_connections(true);
  f.shake_hands(kEnds);
  for (std::uint8_t number = 1; number < 4; ++number) {
    f.wait(20s);
    f.shake_hands(peer_number(number));
  }
  f.rest();
  CHECK(f.states(kTcp) == "E E");
  f.wait(239s);
  f.in.read();
  CHECK(f.states(kTcp) == "E E");
  f.wait(1s);
  f.in.read();
  CHECK(f.states(kTcp) == "none");
  f.rest();
  CHECK(f.in.attachment.room().free == 1);
  f.shake_hands(peer_number(10));
  CHECK(f.states(peer_number(10).key(Protocol::tcp)) == "E E");
  CHECK(f.states(peer_number(1).key(Protocol::tcp)) == "E E");
}

TEST_CASE("connections that may be closed, since they sent no more events, give up their places after 2 minutes") {
  Fixture f(4, 5);
  f.monitor.track_connections(true);
  const Ends muted = peer_number(1);
  f.shake_hands(kEnds);
  f.exhaust(muted, 5);
  f.shake_hands(peer_number(2));
  f.shake_hands(peer_number(3));
  f.wait(1s);  // a tick sees its last packets
  f.wait(119s);
  f.in.read();
  CHECK(f.states(muted.key(Protocol::tcp)) == "E E");
  f.wait(1s);
  f.in.read();
  CHECK(f.states(muted.key(Protocol::tcp)) == "none");
  CHECK(f.states(kTcp) == "E E");
}

TEST_CASE("beyond the cap, the end of a connection sends one event a second for each direction") {
  Fixture f(64, 5);
  accept_by_default(f.in.attachment.program());
  accept_by_default(f.out.attachment.program());
  f.monitor.track_connections(true);
  f.shake_hands(kEnds);
  for (int i = 0; i < 10; ++i) {
    f.in.pass(tcp_in(kEnds, kAck));
  }
  CHECK(f.in.pass(tcp_in(kEnds, kAck)) == 0);
  std::size_t events = f.in.pass(tcp_in(kEnds, kFin | kAck));
  CHECK(events == 1);
  for (int i = 0; i < 10; ++i) {
    events += f.in.pass(tcp_in(kEnds, kFin | kAck));
  }
  CHECK(events <= 2);  // the second may change meanwhile
  REQUIRE(f.connections().size() == 1);
  CHECK(f.connections()[0].state == "ESTABLISHED");
  CHECK(f.out.pass(tcp_out(kEnds, kFin | kAck)) == 1);
  CHECK(f.connections()[0].state == "CLOSED");
  f.out.make_expectation_older(kTcp, 1);
  CHECK(f.out.pass(tcp_out(kEnds, kFin | kAck)) == 1);
  CHECK(f.states(kTcp) == "R R");  // STATE_CLOSED
  f.wait(1s);                      // a tick sees its last packets
  f.wait(119s);
  CHECK(f.states(kTcp) == "R R");
  f.wait(1s);
  CHECK(f.states(kTcp) == "N N");
}

TEST_CASE("replies to a ping are ESTABLISHED for 30 seconds after its last packet") {
  Fixture f;
  f.monitor.track_connections(true);
  const SessionKey ping = normalise({kEnds.peer, 0}, {kEnds.ours, 0}, Protocol::icmp).key;
  f.out.pass(PacketBuilder().addresses(kEnds.ours, kEnds.peer).icmp(8).build());
  f.wait(29s);
  CHECK(f.states(ping) == "E N");
  f.wait(1s);
  CHECK(f.states(ping) == "N N");
}

TEST_CASE("a closed connection is NEW again after two minutes, one that a RST ended after 10 seconds") {
  Fixture f;
  f.monitor.track_connections(true);
  const bool reset = GENERATE(false, true);
  CAPTURE(reset);
  f.shake_hands(kEnds);
  if (reset) {
    f.in.pass(tcp_in(kEnds, kRst | kAck));
  } else {
    f.in.pass(tcp_in(kEnds, kFin | kAck));
    f.out.pass(tcp_out(kEnds, kFin | kAck));
  }
  f.wait(reset ? 9s : 119s);
  CHECK(f.states(kTcp) == "R R");
  REQUIRE(f.connections().size() == 1);
  CHECK(f.connections()[0].state == "CLOSED");
  f.wait(1s);
  CHECK(f.states(kTcp) == "N N");
  CHECK(f.connections().empty());
  f.out.pass(tcp_out(kEnds, kSyn));
  CHECK(f.states(kTcp) == "E N");
}

TEST_CASE("the next packet of an evicted connection restores its states on all attachments, while its row stands") {
  Fixture f;
  f.monitor.track_connections(true);
  f.in.pass(udp_in(kEnds));
  f.out.pass(udp_out(kEnds));
  for (Side* side : {&f.in, &f.out}) {
    side->attachment.sessions().evict(0);
    side->attachment.flush();
  }
  f.rest();
  CHECK(f.states(kUdp) == "none");
  f.in.pass(udp_in(kEnds));
  CHECK(f.states(kUdp) == "E E");
  CHECK(f.swap().sessions.size() == 1);
}

TEST_CASE("an evicted session that comes back within the window has one row") {
  Fixture f;
  f.monitor.track_connections(true);
  f.in.pass(udp_in(kEnds));
  f.in.pass(udp_in(kEnds));
  f.in.attachment.sessions().evict(0);
  f.in.attachment.flush();
  const bool rests = GENERATE(false, true);
  CAPTURE(rests);
  if (rests) {
    f.rest();
  }
  f.in.pass(udp_in(kEnds));
  f.in.pass(udp_in(kEnds));
  const WindowReport report = f.swap();
  REQUIRE(report.sessions.size() == 1);
  CHECK(report.sessions[0].packets_client == 4);
  CHECK(report.attachments[0].sessions_new == 1);
}

TEST_CASE("sessions whose packets are all dropped have a quarter of the places at most, and none of the last ones") {
  Fixture f(16);
  f.monitor.track_connections(true);
  for (std::uint8_t number = 0; number < 20; ++number) {
    f.in.drop(udp_in(peer_number(number)));
  }
  CHECK(f.in.attachment.sessions().stateless() == 4);
  f.in.pass(udp_in(peer_number(0)));
  CHECK(f.in.attachment.sessions().stateless() == 3);
  for (std::uint8_t number = 30; number < 39; ++number) {
    f.in.pass(udp_in(peer_number(number)));
    CHECK(f.states(peer_number(number).key(Protocol::udp)) == "N E");
  }
  CHECK(f.in.attachment.sessions().stateless() == 3);
  f.in.pass(udp_in(peer_number(40)));  // places are scarce now: sessions that never passed go first
  CHECK(f.in.attachment.sessions().stateless() == 1);
  f.in.drop(udp_in(peer_number(50)));  // and get none of the last ones
  CHECK(f.in.attachment.sessions().stateless() == 1);
  f.rest();
  f.in.pass(udp_in(peer_number(41)));
  CHECK(f.states(peer_number(41).key(Protocol::udp)) == "N E");
  const WindowReport report = f.swap();
  CHECK(report.sessions.size() == 15);
  CHECK(report.attachments[0].sessions_refused == 17);
}

TEST_CASE("the listing has all connections of which a packet passed, in order of their first packets") {
  Fixture f;
  f.monitor.track_connections(true);
  f.in.drop(tcp_in(peer_number(9), kSyn));
  f.out.pass(udp_out(kEnds));
  f.shake_hands(kEnds);
  const std::vector<ConnectionRow> rows = f.connections();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].key == kUdp);
  CHECK(rows[0].originator == Direction::from_higher);
  CHECK(rows[0].state == "NEW");
  CHECK(rows[0].states == std::array<std::uint32_t, 2>{STATE_ESTABLISHED, STATE_NEW});
  CHECK(rows[1].key == kTcp);
  CHECK(rows[1].originator == Direction::from_lower);
  CHECK(rows[1].state == "ESTABLISHED");
  CHECK(rows[1].states == std::array<std::uint32_t, 2>{STATE_ESTABLISHED, STATE_ESTABLISHED});
  CHECK(rows[1].last_ns > rows[0].last_ns);
}

TEST_CASE("the latency from first packet to states in force is recorded once for each connection") {
  Fixture f;
  f.monitor.track_connections(true);
  f.shake_hands(kEnds);
  f.in.pass(udp_in(kEnds));
  f.in.drop(udp_in(peer_number(9)));
  CHECK(f.monitor.connections().state_latency.histogram.count() == 2);
  CHECK(f.monitor.connections().state_latency.histogram.quantile_us(0.5) > 0);
  CHECK(f.monitor.connections().state_latency.histogram.max_us() < 10e6);
  CHECK(f.monitor.connections().state_latency.waited == 0);
}

namespace {

enum class End { killed, stopped };

// A controller with a default of drop, and the one that comes after it.
class Restart {
 public:
  explicit Restart(std::uint32_t sessions = 64) : sessions_(sessions) {
    first.emplace(sessions);
    first->monitor.track_connections(true);
    drop_by_default(first->in.attachment.program());
    accept_by_default(first->out.attachment.program());
  }

  Fixture& adopt(End end = End::killed) {
    if (end == End::stopped) {
      first->in.attachment.stop();
      first->out.attachment.stop();
    }
    Fixture::Programs programs = first->give_away();
    first.reset();
    return second.emplace(std::move(programs), sessions_);
  }

  std::optional<Fixture> first;
  std::optional<Fixture> second;

 private:
  std::uint32_t sessions_;
};

void begin_inside(Fixture& f, const Ends& ends) {
  f.out.pass(tcp_out(ends, kSyn));
  f.in.pass(tcp_in(ends, kSyn | kAck));
  f.out.pass(tcp_out(ends, kAck));
}

// A packet that the program drops, and drops no more once the host has read of it.
void check_continues(Side& side, const Bytes& frame) {
  CHECK(side.send(frame) == XDP_DROP);
  side.read();
  CHECK(side.send(frame) == XDP_PASS);
  side.read();
}

void check_stays_blocked(Side& side, const Bytes& frame) {
  for (int i = 0; i < 3; ++i) {
    CHECK(side.send(frame) == XDP_DROP);
    side.read();
  }
}

}  // namespace

TEST_CASE("connections of an adopted enforcing program go on when a packet of them arrives") {
  const End end = GENERATE(End::killed, End::stopped);
  CAPTURE(end);
  Restart run;
  const Ends asked = peer_number(2);
  const Ends stranger = peer_number(9);
  begin_inside(*run.first, kEnds);
  run.first->out.pass(udp_out(kEnds));
  run.first->in.pass(udp_in(kEnds));
  run.first->out.pass(udp_out(asked));
  run.first->in.pass(tcp_in(stranger, kSyn));

  Fixture& f = run.adopt(end);
  CHECK(f.states(kTcp) == "none");
  check_continues(f.in, tcp_in(kEnds, kAck));
  CHECK(f.states(kTcp) == "E E");
  check_continues(f.in, udp_in(kEnds));
  CHECK(f.states(kUdp) == "E E");
  CHECK(f.in.send(udp_in(asked)) == XDP_DROP);
  f.in.read();
  CHECK(f.states(asked.key(Protocol::udp)) == "E N");
  CHECK(f.in.send(udp_in(asked)) == XDP_PASS);
  f.in.read();
  CHECK(f.states(asked.key(Protocol::udp)) == "E E");

  check_stays_blocked(f.in, tcp_in(stranger, kSyn));
  check_stays_blocked(f.in, tcp_in(stranger, kAck));
  check_stays_blocked(f.in, tcp_in(peer_number(10), kAck));
  check_stays_blocked(f.in, udp_in(stranger));
  CHECK(f.monitor.connections().state_latency.histogram.count() == 0);
  for (const ConnectionRow& row : f.connections()) {
    CHECK(row.state == "ESTABLISHED");
  }
  CHECK(f.connections().size() == 3);
}

TEST_CASE("a third controller adopts connections that the second one adopted") {
  Restart run;
  begin_inside(*run.first, kEnds);
  check_continues(run.adopt().in, tcp_in(kEnds, kAck));
  Fixture::Programs programs = run.second->give_away();
  run.second.reset();
  Fixture third(std::move(programs), 64);
  check_continues(third.in, tcp_in(kEnds, kAck));
}

TEST_CASE("an adopted connection that goes on with an outgoing packet is established at once") {
  Restart run;
  begin_inside(*run.first, kEnds);
  Fixture& f = run.adopt();
  f.out.pass(tcp_out(kEnds, kAck));
  CHECK(f.states(kTcp) == "E E");
}

TEST_CASE("a dropped SYN neither gets nor ends adopted states; a SYN that passes begins a new connection") {
  Restart run;
  begin_inside(*run.first, kEnds);
  Fixture& f = run.adopt();
  check_stays_blocked(f.in, tcp_in(kEnds, kSyn));
  CHECK(f.in.states(kTcp) == "N N");
  SECTION("the connection goes on") { check_continues(f.in, tcp_in(kEnds, kAck)); }
  SECTION("it begins again") {
    f.out.pass(tcp_out(kEnds, kSyn));
    CHECK(f.states(kTcp) == "E N");
  }
}

TEST_CASE("states are adopted once") {
  Restart run;
  begin_inside(*run.first, kEnds);
  Fixture& f = run.adopt();
  f.in.drop(tcp_in(kEnds, kAck));
  f.in.pass(tcp_in(kEnds, kFin | kAck));
  f.out.pass(tcp_out(kEnds, kFin | kAck));
  f.wait(120s);
  CHECK(f.states(kTcp) == "N N");
  check_stays_blocked(f.in, tcp_in(kEnds, kAck));
}

TEST_CASE("connections are adopted for their lifetimes, counted from the take-over") {
  Restart run;
  begin_inside(*run.first, kEnds);
  for (const Ends& ends : {kEnds, peer_number(2)}) {
    run.first->out.pass(udp_out(ends));
    run.first->in.pass(udp_in(ends));
  }
  Fixture& f = run.adopt();
  f.swaps(40);
  f.wait(119s);
  check_continues(f.in, udp_in(kEnds));
  f.wait(1s);
  check_stays_blocked(f.in, udp_in(peer_number(2)));
  f.wait(100h);
  check_continues(f.in, tcp_in(kEnds, kAck));
}

TEST_CASE("adopted connections get the last counters even if their first packet was dropped") {
  Restart run(16);
  begin_inside(*run.first, kEnds);
  Fixture& f = run.adopt();
  for (std::uint8_t number = 100; number < 120; ++number) {
    f.in.pass(udp_in(peer_number(number)));
  }
  check_continues(f.in, tcp_in(kEnds, kAck));
}

TEST_CASE("nothing is adopted from a program whose firewall is not in force, nor without tracking") {
  Restart run;
  begin_inside(*run.first, kEnds);
  SECTION("not in force") {
    write_map(run.first->in.attachment.program(), "fw_control", 0, fw_config{});
    write_map(run.first->out.attachment.program(), "fw_control", 0, fw_config{});
    Fixture& f = run.adopt();
    f.in.pass(tcp_in(kEnds, kAck));
    CHECK(f.states(kTcp) == "N E");
  }
  SECTION("not tracked") {
    Fixture& f = run.adopt();
    f.monitor.track_connections(false);
    check_stays_blocked(f.in, tcp_in(kEnds, kAck));
  }
}

}  // namespace nicsentry::connections_test
