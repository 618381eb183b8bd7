// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/datapath/mode.h"
#include "host/datapath/program_copy.h"
#include "host/enforce/firewall.h"
#include "host/enforce/limit_model.h"
#include "host/packet/parser.h"
#include "host/rules/judged_packet.h"

namespace nicsentry {

// A packet to be explained.
struct Question {
  std::vector<std::uint8_t> frame;
  std::optional<ConnectionState> state;  // of its session; none: what the program knows of it
  std::optional<TimestampNs> time_ns;    // by which limits are judged; none: it is within the rate of all
};

enum class DecidedBy : std::uint8_t { nothing, unjudged, non_ip, blocked, established, rule, by_default };

struct Explanation {
  std::optional<JudgedPacket> packet;  // none: no rule is asked, it passes
  std::optional<unsigned> cause;       // CAUSE_* where the program does not understand it
  bool dropped = false;
  DecidedBy by = DecidedBy::nothing;
  std::optional<std::size_t> rule;    // that decided, by its place
  Rule deciding;                      // likewise
  std::vector<std::size_t> counting;  // rules that only counted it
  std::vector<std::size_t> limiting;  // rules whose limit holds for it, with a time or `why`; a last one may drop it
  bool session_known = false;         // to the program, or given with the question
  std::optional<std::string> state_reason;

  // With `why` only.
  std::vector<FieldCheck> checks;  // of the rule that decided
  struct Passed {
    std::size_t rule = 0;
    FieldCheck mismatch;
  };
  std::vector<Passed> before;  // rules before it, and why each does not match
  std::vector<std::string> source_sets;
  std::vector<std::string> destination_sets;
};

// Asks a program what it does with packets, through a copy of it over the tables in force. Loading the copy takes some
// 100 ms, so one is to be asked about many packets; no packet and no counter of the program knows of it. Throws Error.
// Not for several threads at once.
class Explainer {
 public:
  // `object`, `hook`: what the program was loaded from, and for where. `firewall` has the attachment in its charge.
  // `interface`: that the program is on; empty: on none.
  Explainer(const Firewall& firewall, std::uint32_t program_id, const std::filesystem::path& object, Hook hook,
            std::string interface = {});

  // Asks the program itself: one that is on no port.
  Explainer(const Firewall& firewall, const Program& on_no_port, Hook hook);

  // With `why` also what only a reader needs, at a cost that grows with the rules. `limits` has the buckets for
  // questions with a time. Rules and sets stay as they are while one question is asked; a change waits for that.
  std::vector<Explanation> explain(std::span<const Question> questions, bool why, LimitModel& limits);

  Chain chain() const { return chain_of(hook_); }

 private:
  void use(std::shared_ptr<const ChainRules> rules);
  Explanation ask(const Question& question, const AddressSets& sets, bool why, LimitModel& limits);
  std::uint32_t enter_session(const Question& question, bool& known);
  bool enter_quoted_session(const Question& question, const ParsedPacket& error);
  void enter(const SessionKey& key, std::uint32_t state);
  std::optional<std::uint32_t> states_in_force(const SessionKey& key) const;
  std::optional<unsigned> cause_of_last();
  bool counted(std::uint32_t id);
  void find_decision(Explanation& explanation);
  std::vector<std::size_t> limits_asked(const Explanation& explanation, const InSet& in_set) const;
  void judge_limits(const Question& question, LimitModel& limits, Explanation& explanation) const;
  void add_reasons(const AddressSets& sets, Explanation& explanation) const;

  const Firewall& firewall_;
  Hook hook_;
  std::string interface_;
  ProgramCopy copy_;
  struct control original_control_ {};
  std::optional<bool> partial_frames_;          // as the copy was last told
  VlanIds vlans_;                               // of the packet that is asked about
  bool entered_ = false;                        // a session stands in the copy's table
  std::shared_ptr<const ChainRules> rules_;     // in force when the last question was asked
  std::vector<std::uint64_t> packets_;          // by counter of the copy, as last read; they begin at 0
  std::array<std::uint64_t, CAUSES> causes_{};  // packets of each, likewise
  std::vector<std::size_t> likely_;             // rules that may decide, those that decided last first
  std::vector<std::size_t> counting_;           // rules that only count
  std::vector<std::size_t> limits_;             // rules that limit
};

}  // namespace nicsentry
