// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/attachment.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>
#include <vector>

namespace nicsentry {
namespace {

// Bounds the memory that refused sessions take; `sessions_refused` does not rise above it.
constexpr std::size_t kRefusedCounted = 1U << 20;

unsigned bucket_bits_of(Maps& maps) { return static_cast<unsigned>(std::bit_width(maps.bucket_count()) - 1); }

}  // namespace

std::unique_ptr<Attachment> Attachment::fresh(AttachmentName name, Program program, const Options& options) {
  auto attachment =
      std::make_unique<Attachment>(Passkey(), std::move(name), std::move(program), options, Counters::zero);
  attachment->read_baselines();
  return attachment;
}

std::unique_ptr<Attachment> Attachment::adopt(AttachmentName name, Program program, const Options& options) {
  auto attachment =
      std::make_unique<Attachment>(Passkey(), std::move(name), std::move(program), options, Counters::used);
  attachment->adopt_program();
  attachment->read_baselines();
  return attachment;
}

Attachment::Attachment(Passkey /*passkey*/, AttachmentName name, Program program, const Options& options,
                       Counters counters)
    : name_(std::move(name)),
      program_(std::move(program)),
      reader_(program_.maps().records_fd(), options.processor,
              program_.spec().features.raw_ip ? LinkHeader::none : LinkHeader::ethernet, online_processors,
              options.attachments),
      sessions_(std::min(options.sessions, program_.maps().counter_ids()), bucket_bits_of(program_.maps()),
                options.keys),
      out_(name_.hook == hook_name(Hook::tc_egress)),
      cut_frames_(options.cut_frames),
      vlans_(options.vlans),
      counters_(counters) {}

void Attachment::read_baselines() {
  for (const unsigned half : {0U, 1U}) {
    last_totals_[half] = program_.maps().read_totals(half);
    last_dropped_[half] = read_dropped(half);
    last_unjudged_[half] = read_unjudged(half);
  }
  take_accounting();
}

bool Attachment::enforces() const {
  return program_.firewall() != nullptr && (program_.firewall()->read_control().config & FIREWALL_ON) != 0;
}

// Everything is read before anything is cleared: reading takes long on a card, and connections go on meanwhile.
void Attachment::adopt_program() {
  Maps& maps = program_.maps();
  maps.make_elements();
  if (program_.firewall() != nullptr) {
    program_.firewall()->make_elements();
  }
  const struct control former = maps.read_control();
  FingerprintKeys keys{};
  std::copy(std::begin(former.keys), std::end(former.keys), keys.begin());
  adopted_ = AdoptedStates(keys, (former.config & CONFIG_VLANS) != 0);
  const bool adopts = enforces();
  std::vector<std::uint32_t> filled;
  maps.for_each_bucket([&](std::uint32_t index, const session_bucket& bucket) {
    filled.push_back(index);
    for (const session_slot& slot : bucket.slot) {
      if (adopts) {
        adopted_.add(slot);
      }
    }
  });
  maps.write_control({});
  for (const std::uint32_t index : filled) {
    maps.write_bucket(index, {});
  }
  EventBatch former_events;  // their epochs and counters are the former controller's
  reader_.drain(former_events);
}

void Attachment::start(std::uint32_t epoch) {
  control_.epoch = epoch;
  control_.config = CONFIG_SHARE_ALL | bucket_bits_of(program_.maps()) << CONFIG_BUCKET_BITS_SHIFT |
                    CONFIG_CAPTURE_KNOWN | (program_.partial_frames() || cut_frames_ ? CONFIG_PARTIAL_FRAMES : 0) |
                    (vlans_ == Vlans::part_of_sessions ? CONFIG_VLANS : 0);
  set_keys(sessions_.keys());
}

void Attachment::set_epoch(std::uint32_t epoch) {
  control_.epoch = epoch;
  write_control();
}

void Attachment::begin_closing(std::uint32_t epoch) {
  mark_rest();
  set_epoch(epoch);
}

void Attachment::set_sampling_rate(std::uint32_t rate) {
  // Dropped packets get a small part of a rate that is not all: a flood that is dropped hides no connection.
  constexpr std::uint32_t kDroppedOf = 4U << CONFIG_DROPPED_SHIFT;
  constexpr std::uint32_t kBoth = CONFIG_SHARE_MASK | CONFIG_DROPPED_MASK << CONFIG_DROPPED_SHIFT;
  control_.config = (control_.config & ~kBoth) | rate | (rate == CONFIG_SHARE_ALL ? 0U : kDroppedOf);
  write_control();
}

void Attachment::set_partial_frames(bool partial) {
  control_.config = partial ? control_.config | CONFIG_PARTIAL_FRAMES : control_.config & ~CONFIG_PARTIAL_FRAMES;
  write_control();
}

void Attachment::set_keys(const FingerprintKeys& keys) {
  std::copy(keys.begin(), keys.end(), control_.keys);
  write_control();
}

void Attachment::stop() {
  if (enforces()) {
    control_.config &= ~(CONFIG_SHARE_MASK | CONFIG_CAPTURE_KNOWN);
    write_control();
    return;
  }
  program_.maps().write_control({});
  program_.maps().clear_buckets();
}

void Attachment::flush() {
  sessions_.perform_writes(
      [this](const BucketWrite& write) { program_.maps().write_bucket(write.index, write.value); });
}

void Attachment::write_control() { program_.maps().write_control(control_); }

std::optional<std::uint32_t> Attachment::learn(Session& session, std::uint32_t states) {
  return sessions_.learn(session, states, [this](std::uint32_t id, AttachmentSessions::Entry& entry) {
    program_.maps().make_counters(id);
    if (counters_ == Counters::used) {
      for (const unsigned half : {0U, 1U}) {
        entry.last[half] = program_.maps().read_counters(id, half);
        counters_before_.packets += entry.last[half].packets[0] + entry.last[half].packets[1];
        counters_before_.bytes += entry.last[half].bytes[0] + entry.last[half].bytes[1];
      }
    }
  });
}

void Attachment::count_arrival(const event_header& event) {
  const bool unknown = event.counter == EVENT_UNKNOWN;
  (unknown ? accounting_.unknown_events_arrived : accounting_.known_events_arrived) += event.segments;
}

void Attachment::refuse(const SessionKey& key) {
  if (refused_.size() < kRefusedCounted) {
    refused_.insert(FingerprintHash{}(fingerprint(key, sessions_.keys())));
  }
}

void Attachment::read_totals(unsigned half) {
  const Totals now = program_.maps().read_totals(half);
  const rule_counter dropped = read_dropped(half);
  const rule_counter unjudged = read_unjudged(half);
  add_totals(accounting_, half, now, dropped, unjudged);
  last_totals_[half] = now;
  last_dropped_[half] = dropped;
  last_unjudged_[half] = unjudged;
}

void Attachment::add_totals(Accounting& accounting, unsigned half, const Totals& now, const rule_counter& dropped,
                            const rule_counter& unjudged) const {
  const Totals& last = last_totals_[half];
  for (std::size_t row = 0; row < now.size(); ++row) {
    Amount& to = row == TOTALS_COPIES  ? accounting.copies
                 : row < TOTALS_SHARDS ? accounting.unknown
                                       : accounting.not_understood[row - TOTALS_SHARDS];
    to.packets += now[row].packets - last[row].packets;
    to.bytes += now[row].bytes - last[row].bytes;
    accounting.unknown_events_sent += now[row].events_unknown - last[row].events_unknown;
    accounting.known_events_sent += now[row].events_known - last[row].events_known;
  }
  accounting.dropped.packets += dropped.packets - last_dropped_[half].packets;
  accounting.dropped.bytes += dropped.bytes - last_dropped_[half].bytes;
  accounting.unjudged.packets += unjudged.packets - last_unjudged_[half].packets;
  accounting.unjudged.bytes += unjudged.bytes - last_unjudged_[half].bytes;
}

Accounting Attachment::accounting_so_far() {
  Accounting so_far = accounting_;
  so_far.sessions_refused = refused_.size();
  const unsigned open = half();
  add_totals(so_far, open, program_.maps().read_totals(open), read_dropped(open), read_unjudged(open));
  return so_far;
}

const std::shared_ptr<CounterReader>& Attachment::counter_reader() {
  if (counter_reader_ == nullptr) {
    counter_reader_ = program_.maps().counter_reader();
  }
  return counter_reader_;
}

Attachment::RunningTotals Attachment::running_totals() {
  RunningTotals totals;
  for (const unsigned half : {0U, 1U}) {
    const Totals now = program_.maps().read_totals(half);
    for (std::size_t row = 0; row < now.size(); ++row) {
      totals.in.packets += row == TOTALS_COPIES ? 0 : now[row].packets;
      totals.in.bytes += row == TOTALS_COPIES ? 0 : now[row].bytes;
    }
    const rule_counter dropped = read_dropped(half);
    totals.dropped.packets += dropped.packets;
    totals.dropped.bytes += dropped.bytes;
  }
  totals.counters_before = counters_before_;
  totals.lost_events = lost_events_;
  totals.sessions_new = sessions_new_ + accounting_.sessions_new;
  return totals;
}

rule_counter Attachment::read_dropped(unsigned half) const {
  return program_.firewall() != nullptr ? program_.firewall()->read_counter(COUNTER_DROPPED, half) : rule_counter{};
}

rule_counter Attachment::read_unjudged(unsigned half) const {
  rule_counter sum{};
  for (const std::uint32_t cause : {CAUSE_VLAN_DEPTH, CAUSE_TRUNCATED, CAUSE_MALFORMED, CAUSE_EXTENSIONS}) {
    if (program_.firewall() != nullptr) {
      const rule_counter counter = program_.firewall()->read_counter(COUNTER_UNJUDGED + 1 + cause, half);
      sum.packets += counter.packets;
      sum.bytes += counter.bytes;
    }
  }
  return sum;
}

Accounting Attachment::take_accounting() {
  accounting_.sessions_refused = refused_.size();
  refused_.clear();
  Accounting taken = std::exchange(accounting_, {});
  sessions_new_ += taken.sessions_new;
  accounting_.interface = name_.interface;
  accounting_.hook = name_.hook;
  accounting_.mode = name_.mode;
  accounting_.place = taken.place;
  return taken;
}

}  // namespace nicsentry
