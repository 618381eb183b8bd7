// SPDX-License-Identifier: GPL-2.0-or-later
// The output of iptables-save(8) and ip6tables-save(8).
#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/rules/import/fields.h"
#include "host/rules/import/foreign_rules.h"
#include "host/rules/language/number_fields.h"

namespace nicsentry::foreign {
namespace {

using Words = std::vector<std::string>;

constexpr std::uint8_t kSynMask = 0x17;  // --syn is --tcp-flags FIN,SYN,RST,ACK SYN
constexpr std::uint8_t kSyn = 0x02;

// Words with double quotes around blanks, and '\' before a quote.
Words words_of(const std::string& line) {
  Words words;
  std::string word;
  bool quoted = false;
  bool begun = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char letter = line[i];
    if (letter == '\\' && i + 1 < line.size()) {
      word += line[++i];
      begun = true;
    } else if (letter == '"') {
      quoted = !quoted;
      begun = true;
    } else if ((letter == ' ' || letter == '\t' || letter == '\r') && !quoted) {
      if (begun) words.push_back(std::exchange(word, {}));
      begun = false;
    } else {
      word += letter;
      begun = true;
    }
  }
  if (begun) words.push_back(word);
  return words;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream text(list);
  for (std::string part; std::getline(text, part, ',');) parts.push_back(part);
  return parts;
}

PortRange port_range(std::string text) {
  if (const std::size_t colon = text.find(':'); colon != std::string::npos) {
    const std::string first = text.substr(0, colon);
    const std::string last = text.substr(colon + 1);
    text = (first.empty() ? "0" : first) + "-" + (last.empty() ? "65535" : last);
  }
  return read_ports(text);
}

// One line that begins with -A.
class RuleReader {
 public:
  RuleReader(const Words& words, const std::string& table, ForeignRule& rule)
      : words_(words), table_(table), rule_(rule) {}

  // False where no packet matches.
  bool read() {
    for (at_ = 2; at_ < words_.size(); ++at_) {
      negated_ = words_[at_] == "!";
      if (negated_) next();
      read_option(words_[at_]);
    }
    return possible_;
  }

 private:
  const std::string& next() {
    if (at_ + 1 >= words_.size()) throw Untold(words_[at_] + ": its value is missing");
    return words_[++at_];
  }

  void narrow(const Condition& with) {
    const auto both = both_of(rule_.condition, with);
    if (both) rule_.condition = *both;
    possible_ = possible_ && both;
  }

  void read_option(const std::string& option) {
    Condition condition;
    if (option == "-s" || option == "-d" || option == "--source" || option == "--destination" ||
        option == "--src-range" || option == "--dst-range") {
      const bool source = option == "-s" || option == "--source" || option == "--src-range";
      AddressMatch& match = source ? condition.match.source : condition.match.destination;
      (negated_ ? match.except_ranges : match.ranges).push_back(read_address(next()));
    } else if (option == "-i" || option == "-o") {
      InterfaceMatch& match = option == "-i" ? condition.match.in : condition.match.out;
      (negated_ ? match.except : match.names).push_back(read_interface(next(), '+'));
    } else if (option == "-p") {
      const std::string& name = next();
      if (negated_) throw Untold("all protocols but one: a rule lists those that it matches");
      if (name != "all" && name != "0") condition.match.protocols = {read_protocol(name)};
    } else if (option == "--sport" || option == "--sports" || option == "--source-port" || option == "--source-ports") {
      condition.match.source_ports = ports();
      condition.untyped_ports = true;
    } else if (option == "--dport" || option == "--dports" || option == "--destination-port" ||
               option == "--destination-ports") {
      condition.match.destination_ports = ports();
      condition.untyped_ports = true;
    } else if (option == "--syn") {
      set_flags(condition, kSynMask, kSyn);
    } else if (option == "--tcp-flags") {
      const std::uint8_t mask = flags(next());
      set_flags(condition, mask, flags(next()));
    } else if (option == "--icmp-type" || option == "--icmpv6-type") {
      read_icmp(condition.match, next(), option == "--icmp-type" ? 1 : 58);
    } else if (option == "--length") {
      set_numbers(condition.match, NumberField::length, {port_range(next())});
    } else if (option == "--dscp" || option == "--dscp-class") {
      set_number(condition.match, NumberField::dscp, next(), 0);
    } else if (option == "--ttl-eq" || option == "--ttl" || option == "--hl-eq") {
      set_number(condition.match, NumberField::ttl, next(), 0);
    } else if (option == "--ttl-lt" || option == "--hl-lt" || option == "--ttl-gt" || option == "--hl-gt") {
      read_bound(condition.match, option.ends_with("lt"), read_number(NumberField::ttl, next()));
    } else if (option == "--state" || option == "--ctstate") {
      condition.states = states();
    } else if (option == "--comment") {
      rule_.description = next();
    } else if (option == "-m" || option == "--match") {
      read_module(next());
    } else if (option == "-j" || option == "-g") {
      read_target(next(), option == "-g");
    } else {
      throw Untold(option + ": no rule has such a field");
    }
    narrow(condition);
  }

  void set_numbers(RuleMatch& match, NumberField field, const NumberRanges& numbers) const {
    match.number(field) = chosen_numbers(field, numbers, negated_);
  }

  void set_number(RuleMatch& match, NumberField field, const std::string& text, std::uint8_t protocol) const {
    const std::uint16_t value = read_number(field, text, protocol);
    set_numbers(match, field, {{value, value}});
  }

  // "8", "3/4", "any", a type's name, or the name of a code of unreachable destinations.
  void read_icmp(RuleMatch& match, const std::string& text, std::uint8_t protocol) const {
    match.protocols = {protocol};
    if (text == "any") {
      if (negated_) throw Untold("no ICMP type is left");
      return;
    }
    std::string type = text.substr(0, text.find('/'));
    std::string code = type.size() == text.size() ? "" : text.substr(type.size() + 1);
    if (code.empty() && !parse_number(NumberField::icmp_type, type, protocol)) {
      code = std::exchange(type, "destination-unreachable");
    }
    if (!code.empty() && negated_) throw Untold("an ICMP code that is not this: a rule lists those that it matches");
    set_number(match, NumberField::icmp_type, type, protocol);
    if (!code.empty()) set_number(match, NumberField::icmp_code, code, protocol);
  }

  void read_bound(RuleMatch& match, bool below, std::uint16_t value) const {
    if (value == (below ? 0 : 255)) throw Untold("a TTL that no packet has");
    const auto bound = static_cast<std::uint16_t>(below ? value - 1 : value + 1);
    set_numbers(match, NumberField::ttl, {below ? PortRange{0, bound} : PortRange{bound, 255}});
  }

  std::vector<PortRange> ports() {
    std::vector<PortRange> found;
    for (const std::string& part : split(next())) found.push_back(port_range(part));
    found = negated_ ? other_ports(found) : normalised(std::move(found));
    if (found.empty()) throw Untold("no port is left");
    return found;
  }

  static std::uint8_t flags(const std::string& list) {
    if (list == "NONE") return 0;
    std::uint8_t found = 0;
    for (const std::string& name : split(list)) {
      found = static_cast<std::uint8_t>(found | (name == "ALL" ? 0x3f : read_flag(name)));
    }
    return found;
  }

  void set_flags(Condition& condition, std::uint8_t mask, std::uint8_t value) const {
    if ((value & ~mask) != 0) throw Untold("TCP flags that are never so");
    if (negated_) {
      if ((mask & (mask - 1U)) != 0) {
        throw Untold("TCP flags that are not these: a rule says which are set and which are not");
      }
      value = static_cast<std::uint8_t>(mask & ~value);
    }
    condition.match.protocols = {6};
    condition.match.tcp_flags = TcpFlagsMatch{mask, value};
  }

  std::uint8_t states() {
    std::uint8_t found = 0;
    for (const std::string& name : split(next())) found = static_cast<std::uint8_t>(found | read_state(name));
    return negated_ ? static_cast<std::uint8_t>(kAllStates & ~found) : found;
  }

  // Modules whose options are known; those of others are not read.
  static void read_module(const std::string& name) {
    constexpr std::string_view kKnown[] = {"tcp",   "udp",  "multiport", "state", "conntrack", "comment", "iprange",
                                           "icmp6", "icmp", "length",    "dscp",  "ttl",       "hl"};
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown)) {
      throw Untold("-m " + name +
                   (name == "limit" || name == "hashlimit" ? kLimitsUntold : ": no rule has such a field"));
    }
  }

  void read_target(const std::string& name, bool go_to) {
    if (name == "ACCEPT") {
      rule_.verdict = Verdict::accept;
    } else if (name == "DROP") {
      rule_.verdict = Verdict::drop;
    } else if (name == "RETURN") {
      rule_.verdict = Verdict::back;
    } else if (name == "REJECT") {
      rule_.verdict = Verdict::drop;
      rule_.note = kReject;
      if (at_ + 1 < words_.size() && words_[at_ + 1] == "--reject-with") at_ += 2;
    } else if (name == "LOG" || name == "NFLOG") {
      rule_.logs = true;
      at_ = words_.size();  // its options
    } else {
      rule_.verdict = go_to ? Verdict::go_to : Verdict::jump;
      rule_.target = table_ + name;
    }
  }

  const Words& words_;
  const std::string& table_;
  ForeignRule& rule_;
  std::size_t at_ = 0;
  bool negated_ = false;
  bool possible_ = true;
};

// By the comments that iptables-save and ip6tables-save write, else by what only one family has.
std::uint8_t family_of(const std::string& text) {
  std::istringstream lines(text);
  bool ipv4 = false;
  bool ipv6 = false;
  bool table = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) {
      if (line.find("ip6tables") != std::string::npos) return 6;
      if (line.find("iptables") != std::string::npos) return 4;
      continue;
    }
    table = table || line.starts_with('*');
    const Words words = words_of(line);
    for (std::size_t i = 0; i < words.size(); ++i) {
      const bool address = i != 0 && (words[i - 1] == "-s" || words[i - 1] == "-d");
      ipv6 = ipv6 || (address && words[i].find(':') != std::string::npos) || words[i].find("icmpv6") == 0 ||
             words[i] == "ipv6-icmp" || words[i].find("icmp6-") == 0;
      ipv4 = ipv4 || (address && words[i].find('.') != std::string::npos) || words[i] == "icmp";
    }
  }
  if (table && ipv4 == ipv6) {
    throw Error(
        "neither a comment nor an address tells whether this is of iptables-save or of ip6tables-save; put the line "
        "'# iptables-save' or '# ip6tables-save' first");
  }
  return ipv6 ? 6 : 4;
}

class SavedReader {
 public:
  SavedReader(std::uint8_t family, ForeignRules& rules, LeftOut& left_out)
      : family_(family), rules_(rules), left_out_(left_out) {}

  void read(const std::string& text) {
    std::istringstream lines(text);
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      where_ = "line " + std::to_string(++number) + (family_ == 6 ? " of IPv6" : " of IPv4");
      read_line(line);
    }
    if (tables_.empty()) throw Error("allowed is the output of 'nft -j list ruleset', iptables-save or ip6tables-save");
  }

 private:
  void read_line(const std::string& line) {
    Words words = words_of(line);
    if (!words.empty() && words.front().starts_with('[')) words.erase(words.begin());  // counters
    if (words.empty() || words.front().starts_with('#') || words.front() == "COMMIT") return;
    if (words.front().starts_with('*')) {
      if (!tables_.insert(words.front()).second) {
        throw Error("the table " + words.front().substr(1) +
                    " stands there twice; give what iptables-save and ip6tables-save print as two files");
      }
      filter_ = words.front() == "*filter";
      table_ = words.front().substr(1);
      prefix_ = std::string(family_ == 4 ? "ip " : "ip6 ") + table_ + " ";
    } else if (words.front().starts_with(':')) {
      add_chain(words);
    } else if (words.front() == "-A" && words.size() > 1) {
      add_rule(words, line);
    } else {
      left_out_.push_back(where_ + ": " + line + ": neither a chain nor a rule");
    }
  }

  void add_chain(const Words& words) {
    ForeignChain chain;
    const std::string name = words.front().substr(1);
    chain.name = prefix_ + name;
    chain.where = where_ + ", chain " + name;
    chain.family = family_;
    chain.drops = words.size() > 1 && words[1] == "DROP";
    if (filter_ && name == "INPUT") chain.hook = Chain::ingress;
    if (filter_ && name == "OUTPUT") chain.hook = Chain::egress;
    if (chain.drops && !chain.hook) {
      left_out_.push_back(where_ + ": " + words.front() + " DROP: the policy of another hook");
    }
    rules_.chains.push_back(std::move(chain));
  }

  void add_rule(const Words& words, const std::string& line) {
    const auto chain = std::find_if(rules_.chains.begin(), rules_.chains.end(),
                                    [&](const ForeignChain& one) { return one.name == prefix_ + words[1]; });
    ForeignRule rule;
    rule.where = where_ + ": " + line;
    try {
      if (!filter_) throw Untold("the table " + table_);
      if (chain == rules_.chains.end()) throw Untold("no chain " + words[1] + " stands in the file");
      if (words[1] == "FORWARD") {
        throw Untold("packets that are forwarded: a run judges what its ports receive and send");
      }
      if (RuleReader(words, prefix_, rule).read()) {
        rule.counts = rule.verdict == Verdict::none && !rule.logs;
        chain->rules.push_back(std::move(rule));
      }
    } catch (const Untold& untold) {
      left_out_.push_back(rule.where + ": " + untold.what());
    }
  }

  std::uint8_t family_;
  ForeignRules& rules_;
  LeftOut& left_out_;
  std::string where_;
  std::string table_;
  std::string prefix_;
  bool filter_ = false;
  std::set<std::string> tables_;
};

}  // namespace

void read_iptables(const std::string& text, ForeignRules& rules, LeftOut& left_out) {
  SavedReader(family_of(text), rules, left_out).read(text);
}

}  // namespace nicsentry::foreign
