// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/filter/filter_words.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string_view>
#include <vector>

#include "host/base/closest_word.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

const std::vector<std::string> kWords = {"src", "dst", "host", "net",  "mask",  "port", "portrange", "proto", "ip",
                                         "ip6", "tcp", "udp",  "icmp", "icmp6", "vlan", "and",       "or",    "not"};

// Words of pcap-filter(7) that ask a packet for more than its session keeps.
const std::map<std::string, std::string, std::less<>> kNotInSessions = {{"ether", "addresses of Ethernet"},
                                                                        {"link", "addresses of Ethernet"},
                                                                        {"fddi", "addresses of FDDI"},
                                                                        {"tr", "addresses of Token Ring"},
                                                                        {"wlan", "addresses of 802.11"},
                                                                        {"arp", "packets of ARP"},
                                                                        {"rarp", "packets of RARP"},
                                                                        {"len", "a length"},
                                                                        {"length", "a length"},
                                                                        {"less", "a length"},
                                                                        {"greater", "a length"},
                                                                        {"gateway", "a gateway"},
                                                                        {"broadcast", "a broadcast mark"},
                                                                        {"multicast", "a multicast mark"},
                                                                        {"inbound", "a direction on a port"},
                                                                        {"outbound", "a direction on a port"},
                                                                        {"ifindex", "a port"},
                                                                        {"on", "a port"},
                                                                        {"ifname", "a port"},
                                                                        {"mpls", "labels of MPLS"},
                                                                        {"pppoed", "packets of PPPoE"},
                                                                        {"pppoes", "packets of PPPoE"},
                                                                        {"geneve", "an outer header"},
                                                                        {"sctp", "packets of SCTP"},
                                                                        {"igmp", "packets of IGMP"},
                                                                        {"protochain", "extension headers"}};

bool begins_operator(char character) { return character == '!' || character == '&' || character == '|'; }

// Brackets, and what stands between blanks, brackets and the operators "!", "&&" and "||".
std::vector<std::string> words_of(const std::string& expression) {
  std::vector<std::string> words(1);
  for (const char character : expression) {
    if (character == '(' || character == ')') {
      words.emplace_back(1, character);
      words.emplace_back();
    } else if (std::isspace(static_cast<unsigned char>(character)) != 0 || begins_operator(character)) {
      words.emplace_back();
    } else {
      words.back() += character;
    }
  }
  std::erase(words, "");
  return words;
}

bool is_bracket(const std::string& word) { return word == "(" || word == ")"; }

// Whether the values that follow are ranges of ports. pcap's grammar carries `portrange` over values, `and`, `or`,
// `not` and an opening bracket. Behind a closing one it has what it had before the opening one.
class RangesOfPorts {
 public:
  // A bracket or one of kWords.
  void meet(const std::string& word) {
    if (word == "(") {
      outside_.push_back(here_);
    } else if (word == ")") {
      here_ = !outside_.empty() && outside_.back();
      if (!outside_.empty()) {
        outside_.pop_back();
      }
    } else if (word != "and" && word != "or" && word != "not") {
      here_ = word == "portrange";
    }
  }
  bool here() const { return here_; }

 private:
  bool here_ = false;
  std::vector<bool> outside_;
};

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

constexpr std::ptrdiff_t kDotsOfIpv4 = 3;

// Words of which libpcap makes code.
bool is_protocol(const std::string& word) {
  constexpr std::array kProtocols = {"ip", "ip6", "tcp", "udp", "icmp", "icmp6", "vlan"};
  return std::find(kProtocols.begin(), kProtocols.end(), word) != kProtocols.end();
}

// A number, an address, the beginning of an IPv4 address, one of these with the length of a prefix, or where
// one may stand a range of ports. libpcap takes what only looks like one for a name and looks it up.
bool is_value(const std::string& word, bool may_be_range) {
  const std::size_t slash = word.find('/');
  if (slash != std::string::npos && !is_digits(std::string_view(word).substr(slash + 1))) {
    return false;
  }
  const std::string value = word.substr(0, slash);
  if (value.find(':') != std::string::npos) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    return inet_pton(AF_INET6, value.c_str(), address.data()) == 1;
  }
  if (const std::size_t dash = value.find('-'); dash != std::string::npos) {
    return may_be_range && is_digits(std::string_view(value).substr(0, dash)) &&
           is_digits(std::string_view(value).substr(dash + 1));
  }
  if (std::count(value.begin(), value.end(), '.') > kDotsOfIpv4) {
    return false;
  }
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = value.find('.', begin);
    if (!is_digits(std::string_view(value).substr(begin, dot - begin))) {
      return false;
    }
    if (dot == std::string::npos) {
      return true;
    }
    begin = dot + 1;
  }
}

}  // namespace

std::string named_filter(const std::string& expression) {
  constexpr std::size_t kShown = 200;
  return "filter '" + expression.substr(0, kShown) + (expression.size() > kShown ? "...'" : "'");
}

FilterWords check_filter_words(const std::string& expression) {
  const auto refuse = [&expression](const std::string& word, const std::string& why) {
    throw BadRequest(named_filter(expression) + ": '" + word.substr(0, 100) + "': " + why);
  };
  const std::vector<std::string> words = words_of(expression);
  if (std::all_of(words.begin(), words.end(), is_bracket)) {
    throw BadRequest(named_filter(expression) + ": it asks for nothing; an example: 'host 10.0.0.1 and port 443'");
  }
  FilterWords found;
  RangesOfPorts ranges;
  for (const std::string& word : words) {
    found.vlan = found.vlan || word == "vlan";
    const bool value = is_value(word, ranges.here());
    found.values += value || is_protocol(word) ? 1 : 0;
    if (value) {
      continue;
    }
    if (is_bracket(word) || std::find(kWords.begin(), kWords.end(), word) != kWords.end()) {
      ranges.meet(word);
      continue;
    }
    if (word.find_first_of("[]<>=+*%^") != std::string::npos) {
      refuse(word, "a session has no bytes to compare");
    }
    if (const auto other = kNotInSessions.find(word); other != kNotInSessions.end()) {
      refuse(word, "a session does not have " + other->second);
    }
    const auto meant = closest_word(word, kWords);
    refuse(word, "neither a word of filters nor a number or an address; names are not looked up" +
                     (meant ? "; did you mean '" + *meant + "'?" : std::string()));
  }
  if (found.values > kFilterValuesMost) {
    throw BadRequest("the filter has " + std::to_string(found.values) +
                     " addresses, numbers and protocols; allowed are " + std::to_string(kFilterValuesMost));
  }
  return found;
}

}  // namespace nicsentry
