// SPDX-License-Identifier: GPL-2.0-or-later
#include <functional>
#include <utility>

#include "host/metrics/samples.h"

namespace nicsentry {
namespace {

using MetricType = Exposition::Type;
constexpr double kNsInSecond = 1e9;

SampleLabels place_of(const Accounting& one) { return {{"interface", one.interface}, {"hook", one.hook}}; }

SampleLabels with(SampleLabels labels, const char* name, const std::string& value) {
  labels.emplace_back(name, value);
  return labels;
}

using AmountOf = std::function<Amount(const Accounting&)>;
using CountOf = std::function<std::uint64_t(const Accounting&)>;

// Two families: NAME_packets and NAME_bytes.
void write_amounts(Exposition& exposition, const WindowFigures& figures, const std::string& name,
                   const std::string& which, const AmountOf& amount_of) {
  FamilyWriter packets(exposition, name + "_packets", MetricType::counter, "Packets " + which);
  for (const Accounting& one : figures.attachments) {
    packets.add(place_of(one), amount_of(one).packets);
  }
  FamilyWriter bytes(exposition, name + "_bytes", MetricType::counter, "IP bytes of packets " + which);
  for (const Accounting& one : figures.attachments) {
    bytes.add(place_of(one), amount_of(one).bytes);
  }
}

void write_counts(Exposition& exposition, const WindowFigures& figures, const std::string& name,
                  const std::string& help, const CountOf& count_of) {
  FamilyWriter counts(exposition, name, MetricType::counter, help);
  for (const Accounting& one : figures.attachments) {
    counts.add(place_of(one), count_of(one));
  }
}

void write_causes(Exposition& exposition, const WindowFigures& figures, const char* name, const char* help,
                  std::uint64_t Amount::*part) {
  FamilyWriter counts(exposition, name, MetricType::counter, help);
  for (const Accounting& one : figures.attachments) {
    for (const not_understood cause : kCauses) {
      counts.add(with(place_of(one), "cause", cause_name(cause)), one.not_understood.at(cause).*part);
    }
  }
}

void write_events(Exposition& exposition, const WindowFigures& figures, const char* name, const char* help,
                  std::uint64_t Accounting::*known, std::uint64_t Accounting::*unknown) {
  FamilyWriter events(exposition, name, MetricType::counter, help);
  for (const Accounting& one : figures.attachments) {
    events.add(with(place_of(one), "sessions", "known"), one.*known);
    events.add(with(place_of(one), "sessions", "unknown"), one.*unknown);
  }
}

void write_windows(Exposition& exposition, const WindowFigures& figures) {
  FamilyWriter(exposition, "nicsentry_windows", MetricType::counter, "Windows that have ended.")
      .add({}, figures.windows);
  FamilyWriter(exposition, "nicsentry_window_end_timestamp_seconds", MetricType::gauge,
               "When the last window ended; 0: none has ended.")
      .add({}, static_cast<double>(figures.end_ns) / kNsInSecond);
  FamilyWriter(exposition, "nicsentry_window_close_seconds", MetricType::histogram,
               "Time from the switch to the next window until a window's report is complete.")
      .add({}, figures.closing);
  FamilyWriter(exposition, "nicsentry_window_write_seconds", MetricType::histogram,
               "Time that writing a window's files took.")
      .add({}, figures.writing);
  FamilyWriter left_out(exposition, "nicsentry_windows_left_out", MetricType::counter,
                        "Windows that an output did not keep up with.");
  for (const auto& [output, count] : figures.left_out) {
    left_out.add({{"output", output}}, count);
  }
  FamilyWriter messages(exposition, "nicsentry_messages", MetricType::counter,
                        "Messages that the run had for its user.");
  for (const auto& [level, count] : figures.messages) {
    messages.add({{"level", level}}, count);
  }
}

}  // namespace

void write_traffic(Exposition& exposition, const WindowFigures& figures) {
  write_amounts(exposition, figures, "nicsentry", "that came in at the hook.",
                [](const auto& one) { return one.in(); });
  write_amounts(exposition, figures, "nicsentry_session", "that the program counted on known sessions.",
                [](const auto& one) { return one.on_sessions; });
  write_amounts(exposition, figures, "nicsentry_unknown", "of sessions that had no place in the table yet.",
                [](const auto& one) { return one.unknown; });
  write_amounts(exposition, figures, "nicsentry_learned",
                "of unknown sessions that arrived as events and count on their sessions.",
                [](const auto& one) { return one.learned; });
  write_causes(exposition, figures, "nicsentry_unparsed_packets", "Packets that were not parsed, by cause.",
               &Amount::packets);
  write_causes(exposition, figures, "nicsentry_unparsed_bytes", "Bytes of packets that were not parsed, by cause.",
               &Amount::bytes);
  write_amounts(exposition, figures, "nicsentry_dropped", "that the firewall dropped.",
                [](const auto& one) { return one.dropped; });
  write_amounts(exposition, figures, "nicsentry_unjudged", "that were dropped since rules could not judge them.",
                [](const auto& one) { return one.unjudged; });
  write_events(exposition, figures, "nicsentry_events_sent", "Events that the program sent to the host.",
               &Accounting::known_events_sent, &Accounting::unknown_events_sent);
  write_events(exposition, figures, "nicsentry_events_arrived", "Events that arrived at the host.",
               &Accounting::known_events_arrived, &Accounting::unknown_events_arrived);
  write_counts(exposition, figures, "nicsentry_events_lost", "Events that were sent and did not arrive.",
               [](const auto& one) { return one.events_lost(); });
  write_counts(exposition, figures, "nicsentry_events_left_out",
               "Packets of unknown sessions for which sampling sent no event.",
               [](const auto& one) { return one.unknown_left_out(); });
  write_counts(exposition, figures, "nicsentry_sessions_new", "Sessions that got a place in the table.",
               [](const auto& one) { return one.sessions_new; });
  write_counts(exposition, figures, "nicsentry_sessions_refused", "Sessions that found no place in the table.",
               [](const auto& one) { return one.sessions_refused; });
  FamilyWriter active(exposition, "nicsentry_sessions_active", MetricType::gauge,
                      "Sessions that had packets in the last window.");
  for (const Accounting& one : figures.attachments) {
    active.add(place_of(one), one.sessions_active);
  }
  write_windows(exposition, figures);
}

void write_live(Exposition& exposition, const LiveFigures& figures) {
  const auto write = [&](const char* name, const char* help, const auto& value) {
    FamilyWriter family(exposition, name, MetricType::gauge, help);
    for (const AttachmentFigures& one : figures.attachments) {
      family.add({{"interface", one.interface}, {"hook", one.hook}}, value(one));
    }
  };
  FamilyWriter attached(exposition, "nicsentry_attached", MetricType::gauge,
                        "1 if the program is on its hook and is driven.");
  for (const AttachmentFigures& one : figures.attachments) {
    attached.add({{"interface", one.interface}, {"hook", one.hook}, {"mode", one.mode}}, one.attached);
  }
  write("nicsentry_sessions_room", "Sessions that the program's table holds at most.",
        [](const auto& one) { return std::uint64_t{one.sessions_most}; });
  write("nicsentry_sessions_free", "Places of the program's table that are free.",
        [](const auto& one) { return std::uint64_t{one.sessions_free}; });
  write("nicsentry_sampling_ratio", "Part of the packets of unknown sessions that is sent to the host.",
        [](const auto& one) { return one.sampled; });
  if (!figures.connections) {
    return;
  }
  FamilyWriter connections(exposition, "nicsentry_connections", MetricType::gauge, "Connections, by state.");
  for (const auto& [state, count] : figures.connections->by_state) {
    connections.add({{"state", state}}, count);
  }
  FamilyWriter(exposition, "nicsentry_connection_state_latency_seconds", MetricType::histogram,
               "Time from a connection's first packet until its states were in force.")
      .add({}, figures.connections->state_latency);
  FamilyWriter(exposition, "nicsentry_connections_waited", MetricType::counter,
               "Connections that waited for a place in a table until a later window.")
      .add({}, figures.connections->waited);
}

}  // namespace nicsentry
