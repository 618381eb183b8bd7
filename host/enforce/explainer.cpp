// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/explainer.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/test_run.h"
#include "host/packet/parser.h"
#include "host/sessions/connection.h"
#include "host/sessions/fingerprint.h"
#include "host/sessions/quoted_session.h"

namespace nicsentry {
namespace {

constexpr std::uint32_t kEpoch = 2;  // even: its half is what ProgramCopy reads

struct control control_of_copy(unsigned bucket_bits, bool partial_frames) {
  struct control control {};
  control.epoch = kEpoch;
  control.config = bucket_bits << CONFIG_BUCKET_BITS_SHIFT;  // no events
  control.config |= partial_frames ? CONFIG_PARTIAL_FRAMES : 0U;
  const FingerprintKeys keys = fixed_keys();
  std::copy(keys.begin(), keys.end(), control.keys);
  return control;
}

std::uint32_t bits_of(std::uint32_t slot_state, Direction direction) {
  const unsigned shift = SLOT_STATE_SHIFT + (direction == Direction::from_higher ? SLOT_STATE_BITS : 0U);
  return slot_state >> shift & STATE_MASK;
}

std::uint32_t slot_state(ConnectionState state, Direction direction) {
  const unsigned shift = SLOT_STATE_SHIFT + (direction == Direction::from_higher ? SLOT_STATE_BITS : 0U);
  return SLOT_VALID | static_cast<std::uint32_t>(state) << shift;
}

// For a TC program the kernel takes the IP header for a socket buffer's, and refuses (EINVAL) a test run without a
// whole one.
bool ends_within_ip_header(std::span<const std::uint8_t> frame) {
  const unsigned ether_type = static_cast<unsigned>(frame[12]) << 8U | frame[13];
  const std::size_t header = ether_type == ETH_P_IP ? 20 : ether_type == ETH_P_IPV6 ? 40 : 0;
  return frame.size() < TestRun::kShortestFrame + header;
}

}  // namespace

Explainer::Explainer(const Firewall& firewall, std::uint32_t program_id, const std::filesystem::path& object, Hook hook,
                     std::string interface)
    : firewall_(firewall), hook_(hook), interface_(std::move(interface)), copy_(program_id, object) {}

Explainer::Explainer(const Firewall& firewall, const Program& on_no_port, Hook hook)
    : firewall_(firewall), hook_(hook), copy_(on_no_port) {}

std::vector<Explanation> Explainer::explain(std::span<const Question> questions, bool why, LimitModel& limits) {
  std::vector<Explanation> explanations;
  explanations.reserve(questions.size());
  original_control_ = copy_.original().read_control();  // its keys change now and then
  for (const Question& question : questions) {
    const Firewall::Pause pause(firewall_);
    use(pause.rules(chain()));
    explanations.push_back(ask(question, pause.sets(), why, limits));
  }
  return explanations;
}

// The counters of the copy move by its own runs only: what they showed last holds for other rules, too.
void Explainer::use(std::shared_ptr<const ChainRules> rules) {
  if (rules != rules_) {
    rules_ = std::move(rules);
    likely_.clear();
    counting_.clear();
    limits_.clear();
    for (std::size_t rule = 0; rule < rules_->rules.size(); ++rule) {
      const RuleAction action = rules_->rules[rule].action;
      // To the copy all packets are within the rate of a limit.
      (action == RuleAction::limit ? limits_ : action == RuleAction::count ? counting_ : likely_).push_back(rule);
    }
  }
}

Explanation Explainer::ask(const Question& question, const AddressSets& sets, bool why, LimitModel& limits) {
  std::span<const std::uint8_t> frame = question.frame;
  Explanation explanation;
  // Not even Ethernet, or the kernel makes no test run of it.
  if (frame.size() < TestRun::kShortestFrame || (hook_ != Hook::xdp && ends_within_ip_header(frame))) {
    explanation.cause = CAUSE_TRUNCATED;
    explanation.dropped = rules_->drop_unjudged && restricts(*rules_, sets.size(kBlockedSet) != 0);
    explanation.by = explanation.dropped ? DecidedBy::unjudged : DecidedBy::nothing;
    return explanation;
  }
  const bool partial = frame.size() > TestRun::kLongestLinear;
  if (partial_frames_ != partial) {
    copy_.own().write_control(control_of_copy(copy_.bucket_bits(), partial));
    partial_frames_ = partial;
  }
  frame = frame.first(std::min(frame.size(), TestRun::kLongestLinear));
  const std::uint32_t bits = enter_session(question, explanation.session_known);
  const std::uint32_t verdict = copy_.run(frame);
  if (std::exchange(entered_, false)) {
    copy_.own().clear_buckets();
  }
  explanation.dropped = verdict == (hook_ == Hook::xdp ? std::uint32_t{XDP_DROP} : std::uint32_t{TC_ACT_SHOT});
  explanation.cause = cause_of_last();
  explanation.packet = judged_packet(frame, explanation.cause, bits, rules_->tcp_pickup);
  if (explanation.packet) {
    explanation.packet->interface = interface_;
  }
  find_decision(explanation);
  if (explanation.by == DecidedBy::nothing || explanation.by == DecidedBy::unjudged ||
      explanation.by == DecidedBy::non_ip) {
    explanation.packet.reset();
    return explanation;
  }
  if (!explanation.packet) {
    throw Error("the program has judged a frame that holds no IP header for the host");
  }
  explanation.state_reason = state_reason(*explanation.packet, explanation.cause, bits, rules_->tcp_pickup);
  if (explanation.by != DecidedBy::blocked && !limits_.empty() && (why || question.time_ns)) {
    explanation.limiting = limits_asked(
        explanation, [&sets](const std::string& set, const IpAddress& address) { return sets.contains(set, address); });
    judge_limits(question, limits, explanation);
  }
  if (why) {
    add_reasons(sets, explanation);
  }
  return explanation;
}

// The packet's session stands in the copy's table as in the original's, or as the question wants it. Gives STATE_* of
// the packet's direction.
std::uint32_t Explainer::enter_session(const Question& question, bool& known) {
  const auto parsed = parse_packet(question.frame);
  if (!parsed) {
    return STATE_NEW;
  }
  const auto [key, direction] = parsed->key;
  vlans_ = parsed->vlans;
  const auto state = question.state ? slot_state(*question.state, direction) : states_in_force(key);
  if (state) {
    known = true;
    enter(key, *state);
  }
  if (is_icmp_error(parsed->protocol, parsed->features.icmp_type)) {
    return enter_quoted_session(question, *parsed) ? STATE_RELATED : STATE_NEW;
  }
  return state ? bits_of(*state, direction) : STATE_NEW;
}

// An ICMP error is RELATED if the session that it quotes has a state.
bool Explainer::enter_quoted_session(const Question& question, const ParsedPacket& error) {
  const auto quoted = quoted_session(question.frame, error);
  if (!quoted) {
    return false;
  }
  const bool related = question.state ? *question.state == ConnectionState::related
                                      : (states_in_force(*quoted).value_or(0) & ~SLOT_VALID) != 0;
  if (related) {
    enter(*quoted, SLOT_VALID | STATE_ESTABLISHED << SLOT_STATE_SHIFT);
  }
  return related;
}

void Explainer::enter(const SessionKey& key, std::uint32_t state) {
  const Fingerprint name = fingerprint(key, fixed_keys());
  const std::uint32_t index = candidate_buckets(name, copy_.bucket_bits()).first;
  session_bucket bucket = copy_.own().read_bucket(index);
  session_slot& slot = bucket.slot[(bucket.slot[0].state & SLOT_VALID) != 0 ? 1 : 0];
  const auto words = name.words();
  std::copy(words.begin(), words.end(), slot.fingerprint);
  slot.state = state;
  entered_ = true;
  copy_.own().write_bucket(index, bucket);
}

// The state word of a session's slot in the original's table; nothing where it has none.
std::optional<std::uint32_t> Explainer::states_in_force(const SessionKey& key) const {
  FingerprintKeys keys{};
  std::copy(std::begin(original_control_.keys), std::end(original_control_.keys), keys.begin());
  const unsigned bucket_bits = original_control_.config >> CONFIG_BUCKET_BITS_SHIFT & CONFIG_BUCKET_BITS_MASK;
  SessionKey named = key;
  named.vlans = (original_control_.config & CONFIG_VLANS) != 0 ? vlans_ : VlanIds();
  const Fingerprint name = fingerprint(named, keys);
  const auto words = name.words();
  const CandidateBuckets candidates = candidate_buckets(name, bucket_bits);
  for (const std::uint32_t index : {candidates.first, candidates.second}) {
    if (index >= copy_.original().bucket_count()) {
      continue;
    }
    const session_bucket bucket = copy_.original().read_bucket(index);
    for (const session_slot& slot : bucket.slot) {
      if ((slot.state & SLOT_VALID) != 0 && std::equal(words.begin(), words.end(), slot.fingerprint)) {
        return slot.state;
      }
    }
  }
  return std::nullopt;
}

// Why the program did not understand the last packet, by its accounting.
std::optional<unsigned> Explainer::cause_of_last() {
  std::optional<unsigned> found;
  for (unsigned cause = 0; cause < CAUSES; ++cause) {
    const std::uint64_t now = copy_.read_cause(cause).packets;
    if (std::exchange(causes_.at(cause), now) != now) {
      found = cause;
    }
  }
  return found;
}

bool Explainer::counted(std::uint32_t id) {
  const std::uint64_t now = copy_.read_counter(id).packets;
  packets_.resize(std::max<std::size_t>(packets_.size(), std::size_t{id} + 1));
  return std::exchange(packets_[id], now) != now;
}

// By the counters that have moved.
void Explainer::find_decision(Explanation& explanation) {
  const std::vector<Rule>& rules = rules_->rules;
  std::copy_if(counting_.begin(), counting_.end(), std::back_inserter(explanation.counting),
               [&](std::size_t rule) { return counted(rules[rule].counter); });
  const std::pair<std::uint32_t, DecidedBy> fixed[] = {
      {COUNTER_UNJUDGED + explanation.cause.value_or(0) + 1, DecidedBy::unjudged},
      {COUNTER_NON_IP, DecidedBy::non_ip},
      {COUNTER_BLOCKED, DecidedBy::blocked},
      {COUNTER_ESTABLISHED, DecidedBy::established},
      {COUNTER_DEFAULT, DecidedBy::by_default}};
  for (const auto& [counter, by] : fixed) {
    if (counted(counter)) {
      const bool asked = by != DecidedBy::unjudged || explanation.dropped;  // else it passes, as nothing is asked
      explanation.by = asked ? by : DecidedBy::nothing;
      return;
    }
  }
  const auto found =
      std::find_if(likely_.begin(), likely_.end(), [&](std::size_t rule) { return counted(rules[rule].counter); });
  if (found == likely_.end()) {
    return;
  }
  explanation.by = DecidedBy::rule;
  explanation.rule = *found;
  explanation.deciding = rules[*found];
  std::rotate(likely_.begin(), found, found + 1);
}

// The rules that limit packets like this one: those that match before the first rule that decides. The program has told
// that rule, but of established packets, on which none decides.
std::vector<std::size_t> Explainer::limits_asked(const Explanation& explanation, const InSet& in_set) const {
  std::vector<std::size_t> asked;
  const std::vector<Rule>& rules = rules_->rules;
  std::size_t decided = 0;  // rules before this one do not decide on it
  for (const std::size_t limit : limits_) {
    if (limit > explanation.rule.value_or(rules.size())) {
      break;
    }
    for (; explanation.by == DecidedBy::established && decided < limit; ++decided) {
      if (decides(rules[decided].action) && matches(rules[decided].match, *explanation.packet, in_set)) {
        return asked;
      }
    }
    if (matches(rules[limit].match, *explanation.packet, in_set)) {
      asked.push_back(limit);
    }
  }
  return asked;
}

// The first limit beyond whose rate the packet is drops it. Rules behind it do not count it.
void Explainer::judge_limits(const Question& question, LimitModel& limits, Explanation& explanation) const {
  if (!question.time_ns) {
    return;
  }
  for (std::size_t i = 0; i < explanation.limiting.size(); ++i) {
    const std::size_t number = explanation.limiting[i];
    const Rule& rule = rules_->rules[number];
    if (limits.exceeds(rule, *explanation.packet, *question.time_ns)) {
      explanation.dropped = true;
      explanation.by = DecidedBy::rule;
      explanation.rule = number;
      explanation.deciding = rule;
      explanation.limiting.resize(i + 1);
      std::erase_if(explanation.counting, [number](std::size_t counts) { return counts > number; });
      return;
    }
  }
}

void Explainer::add_reasons(const AddressSets& sets, Explanation& explanation) const {
  const std::vector<Rule>& rules = rules_->rules;
  const JudgedPacket& packet = *explanation.packet;
  const InSet in_set = [&sets](const std::string& set, const IpAddress& address) {
    return sets.contains(set, address);
  };
  for (const std::string& set : sets.names()) {
    if (in_set(set, packet.source)) {
      explanation.source_sets.push_back(set);
    }
    if (in_set(set, packet.destination)) {
      explanation.destination_sets.push_back(set);
    }
  }
  if (explanation.by != DecidedBy::rule && explanation.by != DecidedBy::by_default &&
      !(explanation.by == DecidedBy::established && explanation.cause == CAUSE_LATER_FRAGMENT)) {
    return;  // no rule was asked
  }
  const std::size_t asked = explanation.rule.value_or(rules.size());
  for (std::size_t i = 0; i < asked; ++i) {
    auto mismatch = first_mismatch(rules[i].match, packet, in_set);
    if (mismatch) {
      explanation.before.push_back({i, std::move(*mismatch)});
    } else if (decides(rules[i].action)) {
      throw Error("rule " + std::to_string(i) + " matches, but the program has passed over it: a defect of nicsentry");
    }
  }
  if (explanation.rule) {
    explanation.checks = check_fields(rules[*explanation.rule].match, packet, in_set);
  }
}

}  // namespace nicsentry
