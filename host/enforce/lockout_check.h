// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/enforce/change_terms.h"
#include "host/enforce/rule_store.h"
#include "host/enforce/set_store.h"
#include "host/lockout/caller.h"
#include "host/lockout/cut_off.h"
#include "host/lockout/lockout.h"

namespace nicsentry {

// The packets that no change may cut off; see VitalTraffic::packets().
using FindVital = std::function<std::vector<VitalPacket>(const Caller& caller, bool standing)>;

// Judges changes before they are made. Each function throws LockOut for a change that would cut off what is vital,
// unless its terms say yes. For the thread that makes changes.
class LockoutCheck {
 public:
  // `find`: none: nothing is vital. References must outlive this.
  LockoutCheck(FindVital find, const RuleStore& rules, const SetStore& sets)
      : find_(std::move(find)), rules_(rules), sets_(sets) {}

  // `next`: by Chain; null: the chain stays.
  using NextChains = std::array<const ChainRules*, 2>;
  // Names what these chains would cut off, whatever the terms say. Throws SystemError.
  std::vector<std::string> cut_off_by(const NextChains& next, const Caller& caller) const;
  // `sets`: those whose content is replaced with the rules.
  void replace_rules(const NextChains& next, std::span<const SetFiles::Set> sets, const ChangeTerms& terms) const;
  void add_to_set(const std::string& set, std::span<const SetEntry> entries, const ChangeTerms& terms) const;
  void take_from_set(const std::string& set, std::span<const AddressRange> ranges, const ChangeTerms& terms) const;
  void replace_set(const std::string& set, std::span<const SetEntry> entries, const ChangeTerms& terms) const;

 private:
  std::vector<std::string> cut_off_by(const NextChains& next, std::span<const SetFiles::Set> sets,
                                      const Caller& caller) const;
  bool matters(const std::string& set, const ChangeTerms& terms) const;
  InSet in_set_now() const;
  // The fate of a set's content: the entries come to it, or take its place.
  enum class Entries { added, all };
  void judge_set(const std::string& set, std::span<const SetEntry> entries, Entries become,
                 const ChangeTerms& terms) const;

  FindVital find_;
  const RuleStore& rules_;
  const SetStore& sets_;
};

}  // namespace nicsentry
