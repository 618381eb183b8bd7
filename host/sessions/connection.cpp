// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/connection.h"

#include <algorithm>

#include "bpf_offload/icmp.h"
#include "bpf_offload/tcp.h"
#include "host/packet/tcp_flags.h"

namespace nicsentry {
namespace {

bool is_ipv6(Protocol protocol) { return protocol == Protocol::icmpv6; }

TcpSegment segment_of(const ConnectionPacket& packet) {
  const auto flag = [&packet](std::uint8_t which) { return (packet.tcp_flags & which) != 0; };
  const std::uint32_t length = packet.payload_bytes + (flag(kTcpSyn) ? 1U : 0U) + (flag(kTcpFin) ? 1U : 0U);
  return {packet.sequence, length, flag(kTcpAck), packet.acknowledged};
}

std::uint32_t in_slot(std::uint32_t lower, std::uint32_t higher) {
  return lower << SLOT_STATE_SHIFT | higher << (SLOT_STATE_SHIFT + SLOT_STATE_BITS);
}

}  // namespace

bool is_plain_syn(const ConnectionPacket& packet) {
  return packet.protocol == Protocol::tcp && is_plain_syn(packet.tcp_flags);
}

bool is_icmp_error(Protocol protocol, std::uint8_t icmp_type) {
  return (protocol == Protocol::icmp || protocol == Protocol::icmpv6) &&
         icmp_states(icmp_type, is_ipv6(protocol)) == STATE_RELATED;
}

bool Connection::note(const ConnectionPacket& packet) {
  if (packet.dropped) {
    return false;
  }
  const std::uint32_t before = slot_states();
  switch (packet.protocol) {
    case Protocol::tcp:
      note_tcp(packet);
      break;
    case Protocol::icmp:
    case Protocol::icmpv6:
      note_icmp(packet.direction, packet.protocol, packet.icmp_type);
      break;
    case Protocol::udp:
      note_other(packet.direction);
      break;
  }
  return slot_states() != before;
}

bool Connection::doubts(const ConnectionPacket& packet) const {
  if (packet.protocol != Protocol::tcp || packet.dropped || !seen() || begins_anew(packet)) {
    return false;
  }
  const TcpSegment segment = segment_of(packet);
  if ((packet.tcp_flags & kTcpRst) != 0) {
    return !closed() && !sequence_.fits_reset(packet.direction, segment, packet.unseen);
  }
  return !sequence_.fits(packet.direction, segment, packet.unseen);
}

void Connection::open(Direction awaited, Direction originator, Phase phase) {
  phase_ = phase;
  originator_ = originator;
  confirmed_ = true;
  reset_by_.reset();
  was_reset_ = false;
  fins_ = {};
  settled_ = false;
  sequence_ = {};
  set(awaited, STATE_ESTABLISHED);
  set(opposite(awaited), STATE_NEW);
}

void Connection::establish(Phase phase) {
  phase_ = phase;
  states_.fill(STATE_ESTABLISHED);
}

bool Connection::begins_anew(const ConnectionPacket& packet) const {
  const bool over = closed() || was_reset_ || (phase_ == Phase::picked_up && !awaits(packet.direction));
  return phase_ == Phase::none || (over && (packet.tcp_flags & kTcpControl) == kTcpSyn);
}

void Connection::begin_tcp(const ConnectionPacket& packet) {
  const Direction direction = packet.direction;
  const std::uint8_t flags = packet.tcp_flags & kTcpControl;
  if (flags == kTcpSyn) {
    open(opposite(direction), direction, Phase::opened);
  } else if (flags == kTcpAck) {
    open(opposite(direction), direction, Phase::picked_up);
  } else if (flags == (kTcpSyn | kTcpAck)) {
    open(opposite(direction), opposite(direction), Phase::picked_up);
  }
  tcp_ = seen();
  took_numbers_ = tcp_ && sequence_.take(direction, segment_of(packet), packet.unseen);
}

void Connection::note_tcp(const ConnectionPacket& packet) {
  if (begins_anew(packet)) {
    begin_tcp(packet);
    return;
  }
  const Direction direction = packet.direction;
  const std::uint8_t flags = packet.tcp_flags & kTcpControl;
  const TcpSegment segment = segment_of(packet);
  took_numbers_ = false;
  if ((flags & kTcpRst) != 0) {
    if (!closed() && sequence_.fits_reset(direction, segment, packet.unseen)) {
      phase_ = Phase::closed;
      reset_by_ = direction;
      was_reset_ = true;
    }
    return;
  }
  if (flags != kTcpSyn && tcp_goes_on(packet.tcp_flags) == 0) {
    return;
  }
  const bool acknowledges = sequence_.acknowledges(direction, segment, packet.unseen);
  took_numbers_ = sequence_.take(direction, segment, packet.unseen);
  if (closed() && reset_by_ == direction) {
    reset_by_.reset();
    phase_ = awaits(opposite(direction)) && awaits(direction) ? Phase::answered : Phase::opened;
  }
  if (awaits(direction) && !established()) {
    if (phase_ == Phase::picked_up && flags == kTcpSyn) {
      originator_ = direction;
    }
    establish(closed() ? Phase::closed : Phase::answered);
    confirmed_ = (flags & kTcpSyn) == 0;
  } else if ((flags & kTcpSyn) == 0 && took_numbers_ && (acknowledges || direction != originator_)) {
    confirmed_ = true;
  }
  if ((flags & kTcpFin) != 0 && took_numbers_) {
    fins_[static_cast<std::size_t>(direction)] = true;
    if (fins_[0] && fins_[1]) {
      phase_ = Phase::closed;
    }
  }
}

void Connection::note_icmp(Direction direction, Protocol protocol, std::uint8_t type) {
  if (is_icmp_query(type, is_ipv6(protocol))) {
    if (phase_ == Phase::none || phase_ == Phase::related) {
      phase_ = Phase::opened;
      originator_ = direction;
    }
    add(opposite(direction), STATE_ESTABLISHED);
    if (awaits(direction)) {
      phase_ = Phase::answered;
    }
  } else if (icmp_states(type, is_ipv6(protocol)) == STATE_ESTABLISHED && phase_ == Phase::opened &&
             awaits(direction)) {
    phase_ = Phase::answered;
  }
}

void Connection::note_other(Direction direction) {
  if (phase_ == Phase::none) {
    open(opposite(direction), direction, Phase::opened);
  } else if (phase_ == Phase::opened && awaits(direction)) {
    establish(Phase::answered);
  }
}

bool Connection::relate(Direction direction) {
  if ((state(direction) & STATE_RELATED) != 0) {
    return false;
  }
  if (phase_ == Phase::none) {
    phase_ = Phase::related;
    originator_ = direction;
  }
  add(direction, STATE_RELATED);
  return true;
}

// A TCP connection with one awaited end is taken for one that was picked up: a SYN of the other end begins it anew,
// also when it was closed, which the slot does not say.
void Connection::inherit(std::uint32_t slot_states, Protocol protocol, Direction client) {
  states_ = {slot_states >> SLOT_STATE_SHIFT & STATE_MASK,
             slot_states >> (SLOT_STATE_SHIFT + SLOT_STATE_BITS) & STATE_MASK};
  tcp_ = protocol == Protocol::tcp;
  if (tcp_ && std::count(states_.begin(), states_.end(), STATE_CLOSED) != 0) {
    std::replace(states_.begin(), states_.end(), STATE_CLOSED, STATE_ESTABLISHED);
    phase_ = Phase::closed;
    originator_ = client;
    return;
  }
  const bool lower = awaits(Direction::from_lower);
  const bool higher = awaits(Direction::from_higher);
  if (lower && higher) {
    phase_ = Phase::answered;
    originator_ = client;
  } else if (lower || higher) {
    phase_ = tcp_ ? Phase::picked_up : Phase::opened;
    originator_ = lower ? Direction::from_higher : Direction::from_lower;
  } else {
    phase_ = Phase::related;
    originator_ = (state(Direction::from_lower) & STATE_RELATED) != 0 ? Direction::from_lower : Direction::from_higher;
  }
}

ConnectionStage Connection::stage() const {
  switch (phase_) {
    case Phase::none:
      return ConnectionStage::none;
    case Phase::related:
      return ConnectionStage::related;
    case Phase::opened:
    case Phase::picked_up:
      return ConnectionStage::opened;
    case Phase::answered:
      if (!confirmed_) {
        return ConnectionStage::handshake;
      }
      return fins_[0] || fins_[1] ? ConnectionStage::half_closed : ConnectionStage::established;
    case Phase::closed:
      return reset_by_ ? ConnectionStage::reset : ConnectionStage::closed;
  }
  return ConnectionStage::none;
}

std::uint32_t Connection::slot_states() const {
  const auto state = [this](std::size_t end) {
    return (closed() || was_reset_) && states_[end] == STATE_ESTABLISHED ? STATE_CLOSED : states_[end];
  };
  return in_slot(state(0), state(1));
}

std::uint32_t Connection::simple_slot_states() const {
  return closed() && (reset_by_ || settled_) ? 0 : in_slot(states_[0], states_[1]);
}

bool Connection::settle() {
  const std::uint32_t before = simple_slot_states();
  settled_ = settled_ || closed();
  return simple_slot_states() != before;
}

const char* connection_state(const Connection& connection) {
  switch (connection.phase_) {
    case Connection::Phase::none:
    case Connection::Phase::opened:
      return "NEW";
    case Connection::Phase::related:
      return "RELATED";
    case Connection::Phase::picked_up:
      return "INVALID";
    case Connection::Phase::answered:
      return "ESTABLISHED";
    case Connection::Phase::closed:
      return "CLOSED";
  }
  return "NEW";
}

}  // namespace nicsentry
