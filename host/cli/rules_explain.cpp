// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_explain.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "host/api/client/controller.h"
#include "host/app/offline_firewall.h"
#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/base/text_table.h"
#include "host/capture/capture_merge.h"
#include "host/cli/controller_option.h"
#include "host/cli/explanation_text.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/value_types.h"
#include "host/packet/parser.h"
#include "host/rules/language/packet_text.h"
#include "host/rules/language/rule_words.h"

namespace nicsentry {
namespace {

using nlohmann::json;

struct ExplainOptions {
  std::string interface;
  std::vector<std::string> words;
  std::string rules;
  std::vector<std::string> sets;
  std::string default_action;
  bool egress = false;
  bool json = false;
  bool summary = false;

  Chain chain() const { return egress ? Chain::egress : Chain::ingress; }
};

using Ask = std::function<ExplainAnswer(const ExplainRequest& request)>;

bool is_field(const std::string& word) {
  const std::size_t equals = word.find('=');
  return equals != std::string::npos && word.find('/') >= equals;
}

bool is_bare_address(const std::string& word) {
  std::error_code none_without_rights;
  return !is_field(word) && !std::filesystem::exists(word, none_without_rights) && !address_with_field(word).empty();
}

bool fields_asked(const ExplainOptions& options) {
  return std::all_of(options.words.begin(), options.words.end(), is_field);
}

void check_words(const ExplainOptions& options) {
  if (fields_asked(options)) {
    parse_packet_words(options.words);
    if (options.summary) {
      throw Error("--summary: allowed with captures only, not with the fields of one packet");
    }
  } else if (const auto address = std::find_if(options.words.begin(), options.words.end(), is_bare_address);
             address != options.words.end()) {
    throw Error("PACKET: " + *address + " is an address without its field; allowed is " + address_with_field(*address) +
                ", or a capture file");
  } else if (std::any_of(options.words.begin(), options.words.end(), is_field)) {
    throw Error("PACKET: fields and files cannot be combined; allowed are either FIELD=VALUE words or capture files");
  }
  if (options.rules.empty() && !(options.sets.empty() && options.default_action.empty())) {
    throw Error("--set and --default: allowed together with --rules only");
  }
}

Ask make_ask(const ExplainOptions& options) {
  if (options.rules.empty()) {
    return [controller = Controller::of_port(options.interface),
            chain = options.chain()](const ExplainRequest& request) { return controller.explain(chain, request); };
  }
  const auto firewall = std::make_shared<OfflineFirewall>(OfflineFirewall::Options{
      options.chain(), read_json_file(options.rules), options.sets, options.default_action == "drop", log_warning});
  return [firewall](const ExplainRequest& request) { return firewall->explain(request); };
}

int explain_fields(const ExplainOptions& options, const Ask& ask) {
  const ImaginedPacket packet = parse_packet_words(options.words);
  ExplainRequest request;
  request.packets.push_back({frame_of(packet), std::nullopt, std::nullopt});
  request.conntrack = packet.state;
  request.why = true;
  const ExplainAnswer answer = ask(request);
  if (answer.answers.size() != 1) {
    throw Error("the controller answered one packet with " + std::to_string(answer.answers.size()) + " explanations");
  }
  const PacketExplanation& explanation = answer.answers.front();
  if (options.json) {
    nlohmann::ordered_json shown = encode(answer);
    shown.erase("answers");
    shown.update(encode(explanation));
    std::printf("%s\n", printed_json(shown, 2).c_str());
  } else {
    std::fputs(explanation_text(answer, explanation).c_str(), stdout);
  }
  return kExitSuccess;
}

// Headers and the length are enough for the program. A frame that was cut within its headers is sent as it is.
ExplainRequest::Packet packet_of(const CapturedFrame& frame) {
  constexpr std::size_t kLeast = 128;
  const std::size_t reach = header_reach(frame.bytes);
  const auto sent = frame.bytes.first(std::min(frame.bytes.size(), std::max(reach, kLeast)));
  return {{sent.begin(), sent.end()},
          reach <= frame.bytes.size() ? frame.wire_bytes : frame.bytes.size(),
          frame.timestamp_ns};
}

class CaptureReport {
 public:
  explicit CaptureReport(const ExplainOptions& options) : options_(options) {}

  void add(const PacketExplanation& explanation) {
    packets_ += explanation.packets;
    count(explanation);
    for (const std::size_t limit : explanation.limited_by) {
      Met& met = limits_[limit];
      met.packets += explanation.packets;
      met.dropped += explanation.rule && explanation.rule->id == limit ? explanation.packets : 0;
    }
    if (options_.summary) {
      return;
    }
    if (options_.json) {
      nlohmann::ordered_json line = encode(explanation);
      line["number"] = packets_;
      std::printf("%s\n", printed_json(line).c_str());
    } else {
      std::printf("%llu\t%s\t%s\t%s\n", static_cast<unsigned long long>(packets_), verdict_text(explanation).c_str(),
                  (decision_text(explanation) + limits_text(explanation)).c_str(), packet_text(explanation).c_str());
    }
  }

  std::uint64_t packets() const { return packets_; }

  void finish() const {
    std::vector<std::pair<std::uint64_t, Row>> sorted;
    for (const auto& [key, counted] : decisions_) {
      sorted.insert(sorted.end(), counted.begin(), counted.end());
    }
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    if (options_.json) {
      print_json(sorted);
      return;
    }
    TextTable table({{"PACKETS", true}, {"VERDICT"}, {"DECIDED BY"}, {"RULE"}});
    for (const auto& [packets, decision] : sorted) {
      table.add({std::to_string(packets), decision.verdict, decision.by, decision.rule});
    }
    std::fputs(table.text().c_str(), stdout);
    for (const auto& [limit, met] : limits_) {
      std::printf("limit of rule %zu: %llu packets met it, %llu were beyond it\n", limit,
                  static_cast<unsigned long long>(met.packets), static_cast<unsigned long long>(met.dropped));
    }
  }

 private:
  struct Met {
    std::uint64_t packets = 0;
    std::uint64_t dropped = 0;
  };
  struct Row {
    std::string verdict;
    std::string by;
    std::string rule;
  };
  using Counted = std::pair<std::uint64_t, Row>;

  // Texts are made once for a decision: captures have many packets. A rule that was changed meanwhile is another one.
  void count(const PacketExplanation& explanation) {
    const auto id = explanation.rule ? std::optional(explanation.rule->id) : std::nullopt;
    std::vector<Counted>& counted = decisions_[{explanation.dropped, explanation.by, id}];
    if (counted.empty() || (id && !(last_rules_[*id].match == explanation.rule->rule.match))) {
      Row decision{verdict_text(explanation), decision_text(explanation),
                   explanation.rule ? rule_text(*explanation.rule) : ""};
      if (id) {
        last_rules_[*id] = explanation.rule->rule;
      }
      counted.emplace_back(0, std::move(decision));
    }
    counted.back().first += explanation.packets;
  }

  void print_json(const std::vector<std::pair<std::uint64_t, Row>>& sorted) const {
    json summary = json::array();
    for (const auto& [packets, decision] : sorted) {
      json one = {{"packets", packets}, {"verdict", decision.verdict}, {"decided_by", decision.by}};
      if (!decision.rule.empty()) {
        one["decided_by"] = "rule";
        one["rule"] = json::parse(decision.rule);
      }
      summary.push_back(std::move(one));
    }
    json whole = {{"packets", packets_}, {"summary", std::move(summary)}};
    for (const auto& [limit, met] : limits_) {
      whole["limits"].push_back({{"id", limit}, {"met", met.packets}, {"dropped", met.dropped}});
    }
    std::printf("%s\n", whole.dump().c_str());
  }

  const ExplainOptions& options_;
  std::uint64_t packets_ = 0;
  std::map<std::tuple<bool, Decision, std::optional<std::size_t>>, std::vector<Counted>> decisions_;
  std::map<std::size_t, Rule> last_rules_;  // by id
  std::map<std::size_t, Met> limits_;       // by id
};

int explain_captures(const ExplainOptions& options, const Ask& ask) {
  CaptureMerge captures({options.words.begin(), options.words.end()});
  CaptureReport report(options);
  CapturedFrame frame;
  ExplainRequest request;
  request.summary = options.summary;
  request.capture = std::random_device()();
  const auto ask_for_packets = [&](bool more) {
    request.more = more;
    for (const PacketExplanation& explanation : ask(request).answers) {
      report.add(explanation);
    }
    request.packets.clear();
  };
  while (captures.next(frame)) {
    request.packets.push_back(packet_of(frame));
    if (request.packets.size() == kExplainPacketsMax) {
      ask_for_packets(true);
    }
  }
  if (request.more || !request.packets.empty()) {
    ask_for_packets(false);  // also where none is left: the program's copy is not kept any longer
  }
  const std::vector<std::string> failures = captures.failures();
  if (options.json || report.packets() != 0) {
    report.finish();
  } else if (failures.empty()) {
    std::printf("no packets\n");
  }
  for (const std::string& failure : failures) {
    log_error(failure);
  }
  return failures.empty() ? kExitSuccess : kExitFailure;
}

int explain(const ExplainOptions& options) {
  set_up_log(false);
  const Ask ask = make_ask(options);
  return fields_asked(options) ? explain_fields(options, ask) : explain_captures(options, ask);
}

}  // namespace

void add_explain_command(CLI::App& rules, Action& chosen) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command =
      rules.add_subcommand("explain", "what the firewall does with a packet, and why; asks the program itself");
  command
      ->add_option("PACKET", options->words,
                   "FIELD=VALUE words of one packet (src, dst, l4proto, sport, dport, tcpflags, conntrack, icmptype, "
                   "icmpcode, length, dscp, ttl, vlan, fragment), or capture files")
      ->required()
      ->type_name(kPacketWordType);
  command->add_flag("--egress", options->egress, "ask the egress chain (default: ingress)");
  command->add_flag("--json", options->json, "print JSON; for a capture one line a packet, then the summary");
  command->add_flag("--summary", options->summary, "for a capture print only how many packets each decision has");
  command
      ->add_option("--rules", options->rules,
                   "use the ruleset or batch of this file, and no other rules; no controller is needed")
      ->type_name("FILE");
  command->add_option("--set", options->sets, "with --rules: a set that it names, and the file of its entries")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  command->add_option("--default", options->default_action, "with --rules: drop or accept (default: accept)")
      ->check(one_of({"drop", "accept"}));
  add_controller_option(*command, options->interface);
  command->footer(
      "Examples:\n"
      "  nicsentry rules explain src=203.0.113.7 dst=192.0.2.10 dport=443 -i eth0\n"
      "  nicsentry rules explain src=2001:db8::7 l4proto=UDP dport=53 conntrack=ESTABLISHED\n"
      "  nicsentry rules explain capture.pcap --summary\n"
      "  nicsentry rules explain --rules rules.json --set office=office.netset src=198.51.100.3 dport=22");
  command->callback([options, &chosen] {
    try {
      check_words(*options);
    } catch (const Error& error) {
      throw CLI::ValidationError(error.what());
    }
    chosen = [options] { return explain(*options); };
  });
}

}  // namespace nicsentry
