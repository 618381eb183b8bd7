// SPDX-License-Identifier: GPL-2.0-or-later
// The output of iptables-save(8) and ip6tables-save(8).
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
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
  RuleReader(const Words& words, const std::string& table, std::uint8_t family, std::set<std::string>& buckets,
             ForeignRule& rule)
      : words_(words), table_(table), family_(family), buckets_(buckets), rule_(rule) {}

  // False where no packet matches.
  bool read() {
    for (at_ = 2; at_ < words_.size(); ++at_) {
      negated_ = words_[at_] == "!";
      if (negated_) next();
      if (!read_limit_option(words_[at_])) read_option(words_[at_]);
    }
    if (limit_.asked) finish_limit();
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
    if (limit_.asked && !condition.any() && is_of_module(option)) {
      throw Untold(option + ": it stands behind a limit, which packets meet that it does not match");
    }
    narrow(condition);
  }

  // The options of no module are asked before all modules.
  static bool is_of_module(const std::string& option) {
    constexpr std::string_view kPlain[] = {"-s", "-d", "-i", "-o", "-p", "--source", "--destination"};
    return std::find(std::begin(kPlain), std::end(kPlain), option) == std::end(kPlain);
  }

  // Options of -m limit and -m hashlimit. False where it is none of these.
  bool read_limit_option(const std::string& option) {
    if (option == "--limit" || option == "--hashlimit-upto" || option == "--hashlimit-above" ||
        option == "--hashlimit") {
      limit_.rate = next();
      limit_.beyond = (option == "--hashlimit-above") != negated_;
    } else if (option == "--limit-burst" || option == "--hashlimit-burst") {
      limit_.burst = next();
    } else if (option == "--hashlimit-mode") {
      limit_.mode = next();
    } else if (option == "--hashlimit-srcmask" || option == "--hashlimit-dstmask") {
      (option == "--hashlimit-srcmask" ? limit_.source_mask : limit_.destination_mask) = next();
    } else if (option == "--hashlimit-name") {
      limit_.name = next();
    } else if (option == "--hashlimit-htable-expire") {
      limit_.expire_ms = next();
    } else if (option == "--hashlimit-htable-size" || option == "--hashlimit-htable-max" ||
               option == "--hashlimit-htable-gcinterval") {
      next();  // of its table, which ours is not
    } else {
      return false;
    }
    return true;
  }

  static std::uint64_t whole(const std::string& text, const char* what) {
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size() || number == 0) {
      throw Untold(std::string(what) + ": read " + text + ", no number of packets");
    }
    return number;
  }

  // The unit may be cut short: "10/min".
  static std::string unit_of(const std::string& text) {
    for (const char* unit : {"second", "minute", "hour", "day"}) {
      if (!text.empty() && std::string_view(unit).starts_with(text)) return unit;
    }
    throw Untold("limit: the unit of time " + text);
  }

  // "512kb/s" is 512 KiB a second (libxt_hashlimit.c).
  static std::uint64_t bytes_a_second(const std::string& text) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 32U;
    constexpr std::pair<const char*, std::uint64_t> kUnits[] = {
        {"b", 1}, {"kb", 1U << 10U}, {"mb", 1U << 20U}, {"gb", 1U << 30U}};
    const std::size_t slash = text.find('/');
    const std::size_t letters = text.find_first_not_of("0123456789");
    const std::string unit = text.substr(letters, slash - letters);
    const std::uint64_t number = whole(text.substr(0, letters), "limit");
    for (const auto& [name, bytes] : kUnits) {
      if (unit == name && number < kMost / bytes && unit_of(text.substr(slash + 1)) == "second") {
        return number * bytes;
      }
    }
    throw Untold("limit: read " + text + ", allowed are b/s, kb/s, mb/s and gb/s, and less than 4 GiB/s");
  }

  // xt_hashlimit.c: a bucket holds what comes in a second. A burst is no room in it: it is given out once, and never
  // fills again.
  ForeignLimit limit_of_bytes() const {
    if (!limit_.burst.empty()) {
      throw Untold("hashlimit: a burst of bytes is given out once and never comes back, a bucket here fills again");
    }
    const std::uint64_t bytes = bytes_a_second(limit_.rate);
    constexpr std::uint64_t kLeastBytes = 125;
    if (bytes < kLeastBytes) {
      throw Untold("limit: read " + limit_.rate + ", a rate has 1 kbit/s at least");
    }
    ForeignLimit made;
    made.limit.rate = {bytes * 8, 1, true};
    made.limit.burst = bytes;  // a larger packet passes a full bucket, here as there
    made.note = "a packet counts there as up to 16 bytes more than it has";
    return made;
  }

  void finish_limit() {
    const std::size_t slash = limit_.rate.find('/');
    if (limit_.hashed && slash != std::string::npos && limit_.rate.find('b') < slash) {
      finish_hashed(limit_of_bytes(), "second");
      return;
    }
    if (slash == std::string::npos || limit_.rate.find('b') < slash) {
      throw Untold("limit: read " + limit_.rate + ", allowed are packets in a time");
    }
    const std::string unit = unit_of(limit_.rate.substr(slash + 1));
    const std::uint64_t burst = limit_.burst.empty() ? kUsualBurst : whole(limit_.burst, "burst");
    ForeignLimit made;
    made.limit = packets_limit(whole(limit_.rate.substr(0, slash), "limit"), unit, burst);
    if (limit_.hashed) {
      finish_hashed(std::move(made), unit);
      return;
    }
    made.beyond = limit_.beyond;
    rule_.limit = made;
  }

  void finish_hashed(ForeignLimit made, const std::string& unit) {
    made.beyond = limit_.beyond;
    made.limit.key = hash_key();
    if (!buckets_.insert(limit_.name).second) {
      throw Untold("hashlimit: two rules have buckets in " + limit_.name + ", here each has its own");
    }
    // Without the option iptables forgets a bucket after one unit of time.
    const std::uint64_t expire_s =
        limit_.expire_ms.empty() ? seconds_of(unit) : whole(limit_.expire_ms, "htable-expire") / 1000;
    const std::string forgets = forgets_too_soon(made.limit, expire_s);
    made.note += (made.note.empty() || forgets.empty() ? "" : "; ") + forgets;
    rule_.limit = made;
  }

  BucketKey hash_key() const {
    if (limit_.mode.empty()) return {};
    if (limit_.mode != "srcip" && limit_.mode != "dstip") {
      throw Untold("--hashlimit-mode " + limit_.mode + ": buckets are for a source or a destination only");
    }
    const bool source = limit_.mode == "srcip";
    const std::string& mask = source ? limit_.source_mask : limit_.destination_mask;
    const unsigned longest = family_ == 4 ? 32 : 128;
    std::uint64_t length = longest;
    if (!mask.empty()) {
      const auto [end, failure] = std::from_chars(mask.data(), mask.data() + mask.size(), length);
      if (failure != std::errc() || end != mask.data() + mask.size() || length > longest) {
        throw Untold("hashlimit: read the mask " + mask + ", allowed is the length of a prefix");
      }
    }
    return bucket_key(source, family_ == 4, static_cast<unsigned>(length));
  }

  void set_numbers(RuleMatch& match, NumberField field, const NumberRanges& numbers) const {
    match.number(field) = chosen_numbers(field, numbers, negated_);
  }

  void set_number(RuleMatch& match, NumberField field, const std::string& text, std::uint8_t protocol) const {
    const std::uint16_t value = read_number(field, text, protocol);
    set_numbers(match, field, {{value, value}});
  }

  // "8", "3/4", "any", a type's name, or the name of a code, which says its type.
  void read_icmp(RuleMatch& match, const std::string& text, std::uint8_t protocol) const {
    match.protocols = {protocol};
    if (text == "any") {
      if (negated_) throw Untold("no ICMP type is left");
      return;
    }
    std::string type = text.substr(0, text.find('/'));
    std::string code = type.size() == text.size() ? "" : text.substr(type.size() + 1);
    if (const auto of_type = icmp_type_of_code(type, protocol); code.empty() && of_type) {
      code = std::exchange(type, std::to_string(*of_type));
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
  void read_module(const std::string& name) {
    constexpr std::string_view kKnown[] = {"tcp",   "udp",  "multiport", "state", "conntrack", "comment", "iprange",
                                           "icmp6", "icmp", "length",    "dscp",  "ttl",       "hl"};
    if (name == "limit" || name == "hashlimit") {
      if (limit_.asked) throw Untold("-m " + name + ": a second limit");
      limit_.asked = true;
      limit_.hashed = name == "hashlimit";
      if (!limit_.hashed) limit_.rate = "3/hour";  // iptables' own
    } else if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown)) {
      throw Untold("-m " + name + ": no rule has such a field");
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

  // The words of a limit's options, which may come in any order.
  struct LimitWords {
    bool asked = false;
    bool hashed = false;
    bool beyond = false;
    std::string rate;
    std::string burst;
    std::string mode;
    std::string source_mask;
    std::string destination_mask;
    std::string name;
    std::string expire_ms;
  };

  const Words& words_;
  const std::string& table_;
  std::uint8_t family_;
  std::set<std::string>& buckets_;  // names of hashlimit
  ForeignRule& rule_;
  LimitWords limit_;
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
      if (RuleReader(words, prefix_, family_, buckets_, rule).read()) {
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
  std::set<std::string> buckets_;
};

}  // namespace

void read_iptables(const std::string& text, ForeignRules& rules, LeftOut& left_out) {
  SavedReader(family_of(text), rules, left_out).read(text);
}

}  // namespace nicsentry::foreign
