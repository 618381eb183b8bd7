// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/import/import.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/rules/import/foreign_rules.h"
#include "host/rules/language/lifetime.h"
#include "host/rules/language/rule_text.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

using nlohmann::ordered_json;

ordered_json chain_json(const ChainRules& chain) {
  ordered_json rules = ordered_json::array();
  for (const Rule& rule : chain.rules) {
    ordered_json fields = rule_json(rule, 0, 0);
    fields.erase("id");
    rules.push_back(std::move(fields));
  }
  return {{"default", chain.default_action == RuleAction::drop ? "drop" : "accept"},
          {"accept_established", chain.accept_established},
          {"rules", std::move(rules)}};
}

ordered_json set_json(const RulesetSet& set) {
  ordered_json entries = ordered_json::array();
  for (const RulesetEntry& entry : set.entries) {
    if (entry.expires_ns) {
      entries.push_back(
          {{"range", entry.range.text()}, {"expires", lifetime_text(std::chrono::nanoseconds(*entry.expires_ns))}});
    } else {
      entries.push_back(entry.range.text());
    }
  }
  return entries;
}

// The first line that is no comment; empty where there is none.
std::string_view first_line(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    if (!line.empty() && !line.starts_with('#')) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

// Other forms of the same rules, which are not read.
void refuse_other_forms(ForeignForm form) {
  if (form == ForeignForm::nft_text) {
    throw Error("this is nft's text, allowed is its JSON: nft -j list ruleset");
  }
  if (form == ForeignForm::iptables_list) {
    throw Error("this is the output of iptables -L or -S, allowed is that of iptables-save");
  }
}

}  // namespace

ForeignForm foreign_form(std::string_view text) {
  constexpr std::array kOfNft = {"table ",   "add ",   "create ", "insert ", "delete ",
                                 "destroy ", "flush ", "define ", "include "};
  constexpr std::array kOfIptables = {"Chain ", "-P ", "-N ", "-A "};
  const std::string_view line = first_line(text);
  const auto begins = [line](const char* word) { return line.starts_with(word); };
  if (std::any_of(kOfNft.begin(), kOfNft.end(), begins)) return ForeignForm::nft_text;
  if (std::any_of(kOfIptables.begin(), kOfIptables.end(), begins)) return ForeignForm::iptables_list;
  if (line.starts_with('*')) return ForeignForm::iptables_save;
  constexpr std::string_view kBlanks = " \t\r\n";
  if (!line.starts_with('{')) return ForeignForm::none;
  std::string_view inner = text.substr(text.find('{') + 1);
  inner.remove_prefix(std::min(inner.find_first_not_of(kBlanks), inner.size()));
  return inner.starts_with("\"nftables\"") ? ForeignForm::nft_json : ForeignForm::none;
}

ImportedRules import_rules(std::span<const std::string> texts) {
  foreign::ForeignRules rules;
  ImportedRules imported;
  for (const std::string& text : texts) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first != std::string::npos && text[first] == '{') {
      foreign::read_nft(parse_json(text), rules, imported.left_out);
    } else {
      refuse_other_forms(foreign_form(text));
      foreign::read_iptables(text, rules, imported.left_out);
    }
  }
  const foreign::Translated translated = translate(rules, imported.left_out);
  if (!translated.ingress && !translated.egress) {
    throw Error("no chain of the input or the output hook stands in it");
  }
  imported.ruleset = ordered_json::object();
  if (translated.ingress) imported.ruleset["ingress"] = chain_json(*translated.ingress);
  if (translated.egress) imported.ruleset["egress"] = chain_json(*translated.egress);
  if (!rules.sets.empty()) {
    ordered_json sets = ordered_json::object();
    for (const RulesetSet& set : rules.sets) sets[set.name] = set_json(set);
    imported.ruleset["sets"] = std::move(sets);
  }
  return imported;
}

}  // namespace nicsentry
