// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <span>
#include <string>

#include "bpf_offload/types.h"
#include "host/analysis/attachment.h"
#include "host/enforce/firewall.h"
#include "host/packet/features.h"

namespace nicsentry {

// The record of a packet that a rule sends to the log, as one line of JSON (docs/firewall.md): time_ns, attachment,
// verdict, rule and description of the rule that decided, for how many packets the record stands where the rule samples
// them, VLAN, source, destination, protocol, ports where the packet has them, bytes, packets on the wire. `frame`: the
// packet's first bytes.
std::string log_record(const AttachmentName& attachment, const std::optional<Firewall::Deciding>& rule,
                       TimestampNs time_ns, const event_header& header, std::span<const std::uint8_t> frame);

// The record of so many that were left out since the one before: time_ns, left_out.
std::string left_out_record(TimestampNs time_ns, std::uint64_t left_out);

// The record of so many events of an attachment that were lost, among which logged packets may be: time_ns, interface,
// hook, events_lost.
std::string lost_record(TimestampNs time_ns, const std::string& interface, const std::string& hook,
                        std::uint64_t events);

}  // namespace nicsentry
