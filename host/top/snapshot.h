// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/api/json/status_json.h"
#include "host/base/timestamp.h"

namespace nicsentry::top {

// Which rows are asked for.
struct Question {
  std::string filter;         // in the grammar of pcap-filter(7); empty: all
  std::string by;             // "src", "dport", ...; empty: a row for each session
  std::string sort = "rate";  // as `run --sort` takes it
  bool reversed = false;      // the smallest number first, or the last text
  std::size_t limit = 100;    // rows

  friend bool operator==(const Question&, const Question&) = default;
  // Also where the other one asks for more of them.
  bool same_rows(const Question& other) const {
    return filter == other.filter && by == other.by && sort == other.sort && reversed == other.reversed;
  }
};

// A session, or a group of them.
struct Row {
  std::string client;  // "192.0.2.1:40000"; of a group its name: "192.0.2.0/24", "TCP 443"
  std::string server;  // empty of a group
  std::string protocol;
  std::string source;   // an address or prefix that can be blocked; empty: the row has none
  std::string service;  // "https"; empty: not known
  std::string interfaces;
  double packets_per_second = 0;
  double bits_per_second = 0;
  std::uint64_t sessions = 0;  // of a group
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t packets_server = 0;
  std::uint64_t packets_client = 0;
  bool dropped = false;  // some of its packets were dropped

  // The same in each answer.
  std::string id() const { return protocol + " " + client + " " + server; }
};

struct Table {
  TimestampNs time_ns = 0;
  std::uint64_t window = 0;
  std::chrono::nanoseconds elapsed{};  // since the window began
  std::size_t total = 0;               // rows that there are; `rows` has the first ones
  std::vector<Row> rows;
};

// A second of an attachment.
struct Second {
  double packets = 0;
  double bytes = 0;
  double packets_dropped = 0;
  double bytes_dropped = 0;
  std::uint64_t lost_events = 0;
};

struct Attachment {
  std::string interface;
  std::string hook;  // "xdp", "tc-ingress", "tc-egress"
  std::string mode;
  std::vector<Second> seconds;  // the last minute, oldest first
};

// Everything of one moment.
struct Snapshot {
  std::string version;  // of the run
  int pid = 0;
  Table table;
  std::vector<Attachment> attachments;
  RunStatus status;
};

}  // namespace nicsentry::top
