// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "bpf_offload/types.h"
#include "host/packet/session_key.h"
#include "host/sessions/tcp_sequence.h"

namespace nicsentry {

// The values on which the state of a connection can depend.
struct ConnectionPacket {
  Protocol protocol = Protocol::tcp;
  Direction direction = Direction::from_lower;
  std::uint8_t tcp_flags = 0;  // CWR ECE URG ACK PSH RST SYN FIN, bit 7 to 0
  std::uint8_t icmp_type = 0;
  bool dropped = false;  // by the firewall
  // TCP:
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  std::uint32_t payload_bytes = 0;
  TcpSequence::UnseenBytes unseen{};
};

// Whether a packet is a TCP SYN that asks for a new connection.
bool is_plain_syn(const ConnectionPacket& packet);

// Whether an ICMP or ICMPv6 packet is an error about another packet, which it quotes (RFC 792, RFC 4443).
bool is_icmp_error(Protocol protocol, std::uint8_t icmp_type);

// How far a connection has come. Lifetimes depend on it.
enum class ConnectionStage : std::uint8_t {
  none,         // no packet passed that made it a connection
  related,      // nothing but ICMP errors
  opened,       // no answer yet
  handshake,    // TCP: a SYN+ACK, which nobody has acknowledged yet
  established,  // answered
  half_closed,  // TCP: a FIN of one end
  closed,       // TCP: FINs of both ends
  reset,        // TCP: a RST
};

// The connection state of a session's packets, from those that passed; the model is Linux's conntrack.
// Dropped packets change nothing, so scanning cannot open a connection. How long it lives is the caller's to say.
//
// - Whoever sends first is the originator; its packets stay NEW until an answer passes. An answer is ESTABLISHED even
//   before that, and when it passed, both directions are.
// - TCP begins with a SYN. Any segment of the other end but a RST is its answer, not the SYN+ACK alone, since its event
//   may be lost. RST, or a FIN of both ends, closes; what still comes then is ESTABLISHED, as the last ACK must pass. A
//   plain SYN opens a closed connection again; the rules are asked about it. A RST or FIN whose sequence number
//   cannot be its sender's is ignored. A RST did not close when the end in whose name it came goes on; rules are asked
//   about a SYN from then on, too. Segments whose flags no connection has (tcp_goes_on()) change nothing.
// - A connection older than the run goes on where the former controller of the same program left it, see inherit().
// - Any other TCP connection older than the run is picked up by an ACK that passed (as by nf_conntrack_tcp_loose):
//   answers to it are ESTABLISHED, its own direction is when one passed. A SYN+ACK that comes first, as events of two
//   attachments have no common order, was sent by the answering end.
// - ICMP has no ports: all between two hosts is one session. Queries (echo, timestamp, ...) let replies through, and
//   nothing else: only replies are ESTABLISHED. Errors, neighbour discovery and router messages establish nothing.
// - An ICMP error about a session that has a connection makes errors of its direction RELATED, see relate(). Of ICMP a
//   direction may have both states, as bits; the program takes the one that the packet's type can have.
class Connection {
 public:
  // A packet was seen, in the order of events. True when the state of a direction changed.
  bool note(const ConnectionPacket& packet);
  // Whether the sequence numbers of a TCP packet cannot be its sender's, by what was seen and ConnectionPacket::unseen:
  // if those bytes are not up to date, they are worth being counted before note().
  bool doubts(const ConnectionPacket& packet) const;
  // Whether the numbers of the last TCP packet that was noted were taken: its bytes are seen ones.
  bool took_numbers() const { return took_numbers_; }
  // An ICMP error in this direction was about a connection, whether it passed or not: a later one may pass. True when
  // the direction's state changed.
  bool relate(Direction direction);
  // For an unknown session: goes on from both directions' states as they stood in its slot, with one that is not 0.
  // `client`: in whose name it began, where the states do not tell.
  void inherit(std::uint32_t slot_states, Protocol protocol, Direction client);
  // From now on as an unknown session.
  void forget() { *this = {}; }

  // STATE_* of the next packet in a direction; of ICMP, bits. STATE_NEW means: as of an unknown session, where the
  // program takes a TCP packet that is no plain SYN for INVALID.
  std::uint32_t state(Direction direction) const { return states_[static_cast<std::size_t>(direction)]; }
  // Both, as they stand in session_slot.state. STATE_CLOSED takes the place of STATE_ESTABLISHED in a TCP connection
  // that is closed or has seen a RST. There a SYN is NEW, other segments of a connection are ESTABLISHED, and segments
  // whose flags no connection has are INVALID.
  std::uint32_t slot_states() const;
  // The same for a program that does not know STATE_CLOSED. After a RST nothing is ESTABLISHED. After FINs everything
  // is, also a SYN, until settle().
  std::uint32_t simple_slot_states() const;
  // The last ACK of a closed connection has passed, or will not come. True when that changes simple_slot_states().
  bool settle();

  ConnectionStage stage() const;
  bool seen() const { return phase_ != Phase::none; }             // a packet passed that made it a connection
  bool tcp() const { return tcp_; }                               // of those seen
  bool closed() const { return phase_ == Phase::closed; }         // TCP only
  bool established() const { return phase_ == Phase::answered; }  // and not closed
  // A packet is still to come that will change the state, or the lifetime.
  bool pending() const { return phase_ == Phase::opened || phase_ == Phase::picked_up || in_handshake(); }
  // The end that sent first: of what passed, or as a SYN+ACK tells.
  Direction originator() const { return originator_; }

 private:
  enum class Phase : std::uint8_t { none, related, opened, picked_up, answered, closed };

  void note_tcp(const ConnectionPacket& packet);
  void begin_tcp(const ConnectionPacket& packet);
  bool begins_anew(const ConnectionPacket& packet) const;
  void note_icmp(Direction direction, Protocol protocol, std::uint8_t type);
  void note_other(Direction direction);
  void open(Direction awaited, Direction originator, Phase phase);
  void establish(Phase phase);
  bool in_handshake() const { return phase_ == Phase::answered && !confirmed_; }
  bool awaits(Direction direction) const { return (state(direction) & STATE_ESTABLISHED) != 0; }
  void set(Direction direction, std::uint32_t state) { states_[static_cast<std::size_t>(direction)] = state; }
  void add(Direction direction, std::uint32_t state) { states_[static_cast<std::size_t>(direction)] |= state; }

  friend const char* connection_state(const Connection& connection);

  Phase phase_ = Phase::none;
  bool tcp_ = false;
  bool confirmed_ = true;  // TCP: whoever began has acknowledged the SYN+ACK
  Direction originator_ = Direction::from_lower;
  std::optional<Direction> reset_by_;  // closed by a RST
  bool was_reset_ = false;             // TCP: a RST was taken since it began, also if the connection goes on
  std::array<bool, 2> fins_{};         // by Direction
  bool settled_ = false;               // closed, and the last ACK is not waited for
  bool took_numbers_ = false;
  TcpSequence sequence_;
  std::array<std::uint32_t, 2> states_{STATE_NEW, STATE_NEW};
};

// For a listing: "NEW", "ESTABLISHED", "CLOSED", "RELATED" (nothing but ICMP errors), "INVALID" (picked up, without an
// answer yet).
const char* connection_state(const Connection& connection);

}  // namespace nicsentry
