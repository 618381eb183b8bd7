// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/open_window.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "host/analysis/monitor.h"

namespace nicsentry {
namespace {

constexpr double kOneSecondNs = 1e9;
constexpr double kBitsPerByte = 8;

// The accounting of a session may have moved on since its counters were read: nothing is left of them then.
std::uint64_t counted_since(std::uint64_t now, std::uint64_t last) { return now - std::min(now, last); }

LiveRate rate_of(const Amount& amount, TimestampNs length_ns) {
  const double seconds = static_cast<double>(length_ns) / kOneSecondNs;
  return {static_cast<double>(amount.packets) / seconds, kBitsPerByte * static_cast<double>(amount.bytes) / seconds};
}

// As SessionRegistry::note_unseen() has it, for a row.
void note_unseen_in_row(SessionWindow& row, TimestampNs after_ns, TimestampNs now_ns) {
  if (row.first_packet_ns == 0) {
    row.first_packet_ns = row.last_packet_ns = after_ns;
  }
  if (now_ns > row.last_packet_ns) {
    row.last_packet_uncertainty_ns = now_ns - std::max(after_ns, row.last_packet_ns);
    row.last_packet_ns = now_ns;
  }
}

}  // namespace

OpenWindow::OpenWindow(Monitor& monitor, std::uint64_t number, TimestampNs start_ns, TimestampNs read_ns,
                       CounterReadings readings)
    : monitor_(monitor), epoch_(monitor.epoch_), read_ns_(std::max(read_ns, start_ns)), readings_(std::move(readings)) {
  if (monitor.closing_) {
    throw std::logic_error("a window was read while it closes");
  }
  live_.window.number = number;
  live_.window.start_ns = start_ns;
  live_.window.end_ns = read_ns_;
  const auto nothing = std::make_shared<const CounterReading>();
  for (const auto& attachment : monitor.attachments_) {
    const bool ended = attachment->ended();
    const auto found = ended ? readings_.end() : readings_.find(attachment->counter_reader().get());
    places_.push_back({attachment.get(), found != readings_.end() ? found->second : nothing});
    live_.window.attachments.push_back(ended ? attachment->accounting() : attachment->accounting_so_far());
  }
  live_.window.sessions.reserve(monitor.registry_.active().size());
  live_.rates.reserve(monitor.registry_.active().size());
  rows_.reserve(monitor.registry_.active().size());
}

LiveSessions OpenWindow::read(Monitor& monitor, std::uint64_t number, TimestampNs start_ns, TimestampNs read_ns,
                              CounterReadings readings) {
  OpenWindow open(monitor, number, start_ns, read_ns, std::move(readings));
  constexpr std::size_t kMany = 65536;
  while (open.step(kMany) == State::reading) {
  }
  return open.take();
}

bool OpenWindow::is_valid() const {
  const auto& attachments = monitor_.attachments_.all();
  return !monitor_.closing_ && monitor_.epoch_ == epoch_ && attachments.size() >= places_.size() &&
         std::equal(places_.begin(), places_.end(), attachments.begin(),
                    [](const Place& place, const auto& attachment) { return place.attachment == attachment.get(); });
}

OpenWindow::State OpenWindow::step(std::size_t most) {
  if (!is_valid()) {
    return State::ended;
  }
  for (; most != 0 && place_ < places_.size(); --most) {
    if (id_ < places_[place_].attachment->sessions().ids()) {
      look_at(place_, id_++);
    } else {
      ++place_;
      id_ = 0;
    }
  }
  // Those that are left have no counters any more.
  const std::vector<Session*>& active = monitor_.registry_.active();
  for (; most != 0 && place_ == places_.size() && active_ < active.size(); --most) {
    const Session& session = *active[active_++];
    if (rows_.try_emplace(&session, live_.window.sessions.size()).second) {
      add_session(session, places_.size(), 0);
    }
  }
  if (most == 0) {
    return State::reading;
  }
  for (SessionWindow& ended : monitor_.registry_.copy_ended()) {
    live_.window.sessions.push_back(std::move(ended));
    live_.rates.emplace_back();
  }
  return State::done;
}

LiveSessions OpenWindow::take() { return std::move(live_); }

// The first look at a session takes all its figures, of all attachments. What it has on counters that it lost is added
// to them.
void OpenWindow::look_at(std::size_t place, std::uint32_t id) {
  const AttachmentSessions& sessions = places_[place].attachment->sessions();
  if (!sessions.used(id)) {
    return;
  }
  const AttachmentSessions::Entry& entry = sessions.entry(id);
  const Session& session = *entry.session;
  if (!session.active) {
    const std::array<Amount, 2> amounts = counted(entry, *places_[place].reading, id);
    if (amounts[0].packets + amounts[1].packets == 0) {
      return;
    }
  }
  const auto [found, is_new] = rows_.try_emplace(&session, live_.window.sessions.size());
  if (is_new) {
    add_session(session, entry.evicted ? places_.size() : place, id);
  }
  // Another session may have the memory of one that was removed between two steps.
  if (entry.evicted && live_.window.sessions[found->second].id == session.id) {
    add_entry(place, id, found->second);
  }
}

// `known`: the attachment on which the session's counters are `known_id`; places_.size(): none is known.
void OpenWindow::add_session(const Session& session, std::size_t known, std::uint32_t known_id) {
  const std::size_t row = live_.window.sessions.size();
  live_.window.sessions.push_back(SessionRegistry::open_row(session));
  live_.rates.emplace_back();
  for (std::size_t place = 0; place < places_.size(); ++place) {
    const auto id = place == known ? std::optional(known_id) : places_[place].attachment->sessions().find(session);
    if (id) {
      add_entry(place, *id, row);
    }
  }
}

std::array<Amount, 2> OpenWindow::counted(const AttachmentSessions::Entry& entry, const CounterReading& reading,
                                          std::uint32_t id) const {
  std::array<Amount, 2> amounts{};
  for (const std::size_t end : {0U, 1U}) {
    for (const unsigned half : {0U, 1U}) {
      if (id < reading.now.size()) {
        const session_counters& now = reading.values[std::size_t{2} * id + half];
        amounts[end].packets += counted_since(now.packets[end], entry.last[half].packets[end]);
        amounts[end].bytes += counted_since(now.bytes[end], entry.last[half].bytes[end]);
      }
    }
    // Events may tell of packets behind the reading.
    amounts[end].packets = std::max(amounts[end].packets, entry.noted[end].packets);
    amounts[end].bytes = std::max(amounts[end].bytes, entry.noted[end].bytes);
  }
  return amounts;
}

void OpenWindow::add_entry(std::size_t place, std::uint32_t id, std::size_t row_index) {
  const Attachment& attachment = *places_[place].attachment;
  const CounterReading& reading = *places_[place].reading;
  const AttachmentSessions::Entry& entry = attachment.sessions().entry(id);
  Accounting& accounting = live_.window.attachments[place];
  const std::array<Amount, 2> amounts = counted(entry, reading, id);
  const Amount sum{amounts[0].packets + amounts[1].packets, amounts[0].bytes + amounts[1].bytes};
  accounting.sessions_active += sum.packets != 0 || entry.active ? 1 : 0;
  if (sum.packets != 0) {
    accounting.on_sessions.packets += sum.packets;
    accounting.on_sessions.bytes += sum.bytes;
    SessionWindow& row = live_.window.sessions[row_index];
    const auto server = static_cast<std::size_t>(row.server_direction);
    row.packets_server += amounts[server].packets;
    row.bytes_server += amounts[server].bytes;
    row.packets_client += amounts[1 - server].packets;
    row.bytes_client += amounts[1 - server].bytes;
    row.places |= attachment.place().bit;
    if (attachment.place().out) {
      row.out.packets += sum.packets;
      row.out.bytes += sum.bytes;
    }
    if (sum.packets > entry.seen) {
      note_unseen_in_row(row, std::max({live_.window.start_ns, entry.looked_ns, row.last_packet_ns}), read_ns_);
    }
  }
  if (id < reading.now.size() && id < reading.before.size()) {
    const CounterReading::Sum& now = reading.now[id];
    const CounterReading::Sum& before = reading.before[id];
    if (before.read_ns != 0 && now.read_ns > before.read_ns) {
      live_.rates[row_index].add(
          rate_of({now.packets - before.packets, now.bytes - before.bytes}, now.read_ns - before.read_ns));
    }
  }
}

void finish(LiveSessions& live, TimestampNs since_ns) {
  std::vector<SessionWindow>& sessions = live.window.sessions;
  const TimestampNs length_ns = live.window.end_ns - since_ns;
  for (std::size_t i = 0; i < sessions.size() && length_ns > 0; ++i) {
    const SessionWindow& session = sessions[i];
    if (session.first_packet_ns >= since_ns) {
      const LiveRate all = rate_of(
          {session.packets_server + session.packets_client, session.bytes_server + session.bytes_client}, length_ns);
      live.rates[i].packets_per_second = std::max(live.rates[i].packets_per_second, all.packets_per_second);
      live.rates[i].bits_per_second = std::max(live.rates[i].bits_per_second, all.bits_per_second);
    }
  }
  std::vector<std::uint32_t> order(sessions.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&sessions](std::uint32_t left, std::uint32_t right) {
    return std::pair(sessions[left].id, left) < std::pair(sessions[right].id, right);
  });
  std::vector<SessionWindow> sorted;
  std::vector<LiveRate> rates;
  sorted.reserve(sessions.size());
  rates.reserve(sessions.size());
  for (const std::uint32_t index : order) {
    // A session that ended between two steps stands there twice, the second time with all that it had.
    if (!sorted.empty() && sorted.back().id == sessions[index].id) {
      sorted.back() = std::move(sessions[index]);
      continue;
    }
    sorted.push_back(std::move(sessions[index]));
    rates.push_back(live.rates[index]);
  }
  sessions = std::move(sorted);
  live.rates = std::move(rates);
}

}  // namespace nicsentry
