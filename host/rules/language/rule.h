// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/packet/features.h"
#include "host/packet/session_key.h"
#include "host/packet/tcp_flags.h"

namespace nicsentry {

enum class Chain : std::uint8_t { ingress, egress };
const char* chain_name(Chain chain);  // "ingress", "egress"

// The verdict of a rule. `log` accepts a packet and sends its record to the log; a rule that drops can log, too
// (Rule::log_every). `count` decides nothing: the search continues with the next rule. `limit` drops packets beyond its
// rate, and decides nothing on others.
enum class RuleAction : std::uint8_t { drop, accept, log, count, limit };

// Whether an action decides on every packet that its rule matches.
constexpr bool decides(RuleAction action) { return action != RuleAction::count && action != RuleAction::limit; }

// States as rules name them. The values are those of STATE_* in bpf_offload/types.h.
enum class ConnectionState : std::uint8_t { new_session = 0, established = 1, related = 2, invalid = 3 };
const char* state_name(ConnectionState state);  // "NEW", "ESTABLISHED", "RELATED", "INVALID"

// Addresses of one family from first to last, both included.
struct AddressRange {
  IpAddress first;
  IpAddress last;

  auto operator<=>(const AddressRange&) const = default;
  bool contains(const IpAddress& address) const;
  // Returns the length of the prefix that equals the range, if there is one.
  std::optional<unsigned> prefix_length() const;
  // Returns "10.0.0.1", "10.0.0.0/24" if the range is a prefix, or "10.0.0.1-10.0.0.9".
  std::string text() const;
};

// A rule's condition on one address. The address must be in one of `ranges` or `sets` (any address if both are empty),
// and in none of the exceptions.
struct AddressMatch {
  std::vector<AddressRange> ranges;
  std::vector<std::string> sets;  // names without '@'
  std::vector<AddressRange> except_ranges;
  std::vector<std::string> except_sets;

  bool operator==(const AddressMatch&) const = default;
  bool any() const { return ranges.empty() && sets.empty() && except_ranges.empty() && except_sets.empty(); }
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  bool operator==(const PortRange&) const = default;
  bool contains(std::uint16_t port) const { return first <= port && port <= last; }
};

// Sorts the ranges and joins those that overlap or touch.
std::vector<PortRange> normalised(std::vector<PortRange> ranges);

// Fields that are numbers (number_fields.h). ICMP types and codes are those of the rule's protocol. `length` is the IP
// total length, `vlan` the id of the outermost tag that has one, `ttl` of IPv6 the hop limit.
enum class NumberField : std::uint8_t { icmp_type, icmp_code, length, dscp, ttl, vlan };
using NumberRanges = std::vector<PortRange>;    // as normalised() returns them; empty: any
inline constexpr std::uint16_t kNoVlan = 4096;  // the value of a packet without a tag

// TCP flags as in the header: CWR ECE URG ACK PSH RST SYN FIN in bits 7 to 0. A packet matches if its flags under
// `mask` equal `value`.
struct TcpFlagsMatch {
  std::uint8_t mask = 0;
  std::uint8_t value = 0;

  bool operator==(const TcpFlagsMatch&) const = default;
};

// A rule's condition on the network interface: one of `names` (any if that is empty), and none of the exceptions.
struct InterfaceMatch {
  std::vector<std::string> names;
  std::vector<std::string> except;

  bool operator==(const InterfaceMatch&) const = default;
  bool any() const { return names.empty() && except.empty(); }
  bool accepts(const std::string& name) const;
};

// The fields of a rule. A missing field matches anything. A rule with ports matches only TCP and UDP packets whose
// ports are known (no later fragments). A rule with TCP flags matches only TCP packets whose header is known.
struct RuleMatch {
  InterfaceMatch in;   // that the packet came in by: rules of the ingress chain only
  InterfaceMatch out;  // that it leaves by: rules of the egress chain only
  AddressMatch source;
  AddressMatch destination;
  std::vector<std::uint8_t> protocols;       // sorted, each once; empty: any
  std::vector<PortRange> source_ports;       // as normalised() returns them; empty: any
  std::vector<PortRange> destination_ports;  // likewise
  std::optional<TcpFlagsMatch> tcp_flags;
  std::optional<ConnectionState> state;
  std::array<NumberRanges, 6> numbers;  // by NumberField

  bool operator==(const RuleMatch&) const = default;
  const NumberRanges& number(NumberField field) const { return numbers.at(static_cast<std::size_t>(field)); }
  NumberRanges& number(NumberField field) { return numbers.at(static_cast<std::size_t>(field)); }
};

struct Rate {
  std::uint64_t amount = 0;  // packets in a period, or bits in a second
  std::uint32_t period_s = 1;
  bool bits = false;

  bool operator==(const Rate&) const = default;
};

// What has a bucket of its own: the rule, or each address at one end of its packets.
struct BucketKey {
  enum class Per : std::uint8_t { rule, source, destination };
  static constexpr std::uint8_t kSourcePrefix = 64;  // a host may use any address of it
  static constexpr std::uint8_t kDestinationPrefix = 128;

  static constexpr std::uint8_t kIpv4Prefix = 32;

  Per per = Per::rule;
  std::uint8_t ipv6_prefix = 0;  // IPv6 addresses with the same prefix share a bucket
  std::uint8_t ipv4_prefix = kIpv4Prefix;

  bool operator==(const BucketKey&) const = default;
};

// Within the rate are packets for which a bucket of tokens has enough: it holds `burst` and gets `rate`.
struct Limit {
  Rate rate;
  std::optional<std::uint64_t> burst;  // packets, or bytes with a rate of bits; none: usual_burst()
  BucketKey key;

  bool operator==(const Limit&) const = default;
  std::uint64_t burst_of() const { return burst.value_or(usual_burst()); }
  // A tenth of a second's worth, of packets at least 5, of bytes at least 65,536.
  std::uint64_t usual_burst() const;
};

struct Rule {
  RuleMatch match;
  RuleAction action = RuleAction::drop;
  std::uint32_t log_every = 0;  // a record for one of so many packets; 0: as the action says (logged_one_of())
  std::optional<Limit> limit;   // exactly with the action limit
  std::string description;
  std::optional<TimestampNs> expires_ns;             // wall clock
  std::optional<std::chrono::nanoseconds> lifetime;  // that it was given, where it ends
  std::uint32_t counter = 0;  // id of its counters: assigned once, independent of other rules; 0: none yet
};

// One of so many packets that the rule decides is to be in the log; 0: none.
std::uint32_t logged_one_of(const Rule& rule);

// The rules of one chain in order, and the verdict where none matches.
struct ChainRules {
  std::vector<Rule> rules;
  RuleAction default_action = RuleAction::accept;  // accept or drop
  bool accept_established = true;
  // Whether packets are dropped that the program cannot read far enough to judge them (FACT_UNJUDGED). If not, rules
  // judge them by what was read.
  bool drop_unjudged = true;
  // The EtherTypes of frames that are no IP and pass, sorted; nullopt: all.
  std::optional<std::vector<std::uint16_t>> non_ip;
  TcpPickup tcp_pickup = TcpPickup::loose;
};

}  // namespace nicsentry
