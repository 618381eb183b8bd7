// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/firewall_endpoints.h"

#include <chrono>
#include <fstream>
#include <utility>

#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/lifetime.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kErrorsTold = 20;

template <typename Value>
Value field(const json& request, const char* name, const char* allowed) {
  try {
    return request.at(name).get<Value>();
  } catch (const json::exception&) {
    throw Error(std::string(name) + ": read " + (request.contains(name) ? request.at(name).dump() : "nothing") +
                ", allowed is " + allowed);
  }
}

Chain parse_chain(const json& request) {
  const auto text = field<std::string>(request, "chain", "ingress or egress");
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    if (text == chain_name(chain)) {
      return chain;
    }
  }
  throw Error("chain: read \"" + text + "\", allowed is ingress or egress");
}

RuleAction parse_default(const json& request) {
  const auto text = field<std::string>(request, "action", "drop or accept");
  if (text != "drop" && text != "accept") {
    throw Error("action: read \"" + text + "\", allowed is drop or accept");
  }
  return text == "drop" ? RuleAction::drop : RuleAction::accept;
}

std::string parse_name(const json& request) {
  auto name = field<std::string>(request, "name", "the name of an address set");
  check_set_name(name);
  return name;
}

std::vector<AddressRange> parse_ranges(const json& request) {
  const auto texts = field<std::vector<std::string>>(request, "entries", "a list of addresses, prefixes and ranges");
  std::vector<AddressRange> ranges;
  std::string errors;
  std::size_t wrong = 0;
  for (const std::string& text : texts) {
    try {
      ranges.push_back(parse_address_range(text));
    } catch (const Error& error) {
      if (wrong++ < kErrorsTold) {
        errors += (errors.empty() ? "" : "\n") + std::string(error.what());
      }
    }
  }
  if (wrong > kErrorsTold) {
    errors += "\nand " + std::to_string(wrong - kErrorsTold) + " more";
  }
  if (wrong != 0) {
    throw Error(errors);
  }
  return ranges;
}

std::vector<SetEntry> entries_of(const std::vector<AddressRange>& ranges, std::optional<TimestampNs> expires_ns) {
  std::vector<SetEntry> entries;
  entries.reserve(ranges.size());
  for (const AddressRange& range : ranges) {
    entries.push_back({range, expires_ns});
  }
  return entries;
}

std::optional<TimestampNs> parse_end(const json& request) {
  if (!request.contains("for_s")) {
    return std::nullopt;
  }
  const auto lifetime = lifetime_of_seconds(field<double>(request, "for_s", kLifetimeAllowed));
  if (!lifetime) {
    throw Error("for_s: read " + request.at("for_s").dump() + ", allowed is " + kLifetimeAllowed);
  }
  return wall_clock_ns() + lifetime->count();
}

std::vector<AddressRange> read_list(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "reading " + path);
  }
  return parse_address_list(file, path);
}

ordered_json amount(const rule_counter& count) { return {{"packets", count.packets}, {"bytes", count.bytes}}; }

ordered_json chain_json(const Firewall::ChainView& view, Chain chain) {
  const TimestampNs now = wall_clock_ns();
  ordered_json rules = ordered_json::array();
  for (std::size_t i = 0; i < view.chain.rules.size(); ++i) {
    ordered_json rule = rule_json(view.chain.rules[i], i, now);
    rule.update(amount(view.counts[i]));
    rules.push_back(std::move(rule));
  }
  ordered_json by_default = {{"action", view.chain.default_action == RuleAction::drop ? "drop" : "accept"}};
  by_default.update(amount(view.by_default));
  return {{"text", chain_text(chain == Chain::ingress ? "Ingress" : "Egress", view.chain, now)},
          {"rules", std::move(rules)},
          {"default", std::move(by_default)},
          {"accept_established", view.chain.accept_established},
          {"established", amount(view.established)},
          {"blocked", amount(view.blocked)},
          {"dropped", amount(view.dropped)},
          {"tables",
           {{"rules", view.chain.rules.size()},
            {"chunks", view.chunks},
            {"rows", view.rows},
            {"nodes", view.nodes},
            {"nodes_room", view.room.nodes},
            {"bits", view.bits},
            {"bits_room", view.room.bits}}}};
}

ordered_json entries_json(const std::vector<SetEntry>& entries) {
  const TimestampNs now = wall_clock_ns();
  ordered_json list = ordered_json::array();
  for (const SetEntry& entry : entries) {
    ordered_json object = {{"range", entry.range.text()}};
    if (entry.expires_ns) {
      object["expires_s"] = static_cast<double>(*entry.expires_ns - now) / 1e9;
    }
    list.push_back(std::move(object));
  }
  return list;
}

ordered_json add_to_set(Firewall& firewall, const json& request) {
  const auto start = std::chrono::steady_clock::now();
  const std::size_t changed =
      firewall.add_to_set(parse_name(request), entries_of(parse_ranges(request), parse_end(request)));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return {{"changed", changed}, {"took_ms", took.count()}};
}

ordered_json take_from_set(Firewall& firewall, const json& request) {
  const Firewall::Taken taken = firewall.take_from_set(parse_name(request), parse_ranges(request));
  ordered_json answer = {
      {"changed", taken.changed}, {"missing", ordered_json::array()}, {"staying", ordered_json::array()}};
  for (const AddressRange& range : taken.missing) {
    answer["missing"].push_back(range.text());
  }
  for (const auto& [range, wider] : taken.staying) {
    answer["staying"].push_back({{"range", range.text()}, {"by", wider.text()}});
  }
  return answer;
}

void add_rule_endpoints(CommandServer& server, Firewall& firewall, const RequireChain& require,
                        const std::optional<std::string>& caution) {
  server.on("/firewall/rules", [&firewall](const json&) {
    return ordered_json{{"ingress", chain_json(firewall.view(Chain::ingress), Chain::ingress)},
                        {"egress", chain_json(firewall.view(Chain::egress), Chain::egress)}};
  });
  server.on("/firewall/apply", [&firewall, require](const json& request) {
    const Chain chain = parse_chain(request);
    require(chain);
    const auto batch = field<json>(request, "batch", "{\"rules\": [...]}");
    return ordered_json{{"rules", firewall.apply(chain, parse_batch(batch, wall_clock_ns()))}};
  });
  server.on("/firewall/default", [&firewall, require, caution](const json& request) {
    const Chain chain = parse_chain(request);
    const RuleAction action = parse_default(request);
    require(chain);
    firewall.set_default(chain, action);
    const bool beware = caution && chain == Chain::ingress && action == RuleAction::drop;
    return beware ? ordered_json{{"warning", *caution}} : ordered_json::object();
  });
  server.on("/firewall/accept-established", [&firewall, require](const json& request) {
    const Chain chain = parse_chain(request);
    require(chain);
    firewall.accept_established(chain, field<bool>(request, "on", "true or false"));
    return ordered_json::object();
  });
  server.on("/firewall/reset-counters", [&firewall](const json&) {
    firewall.reset_counters();
    return ordered_json::object();
  });
}

void add_set_endpoints(CommandServer& server, Firewall& firewall) {
  server.on("/firewall/sets", [&firewall](const json&) {
    ordered_json sets = ordered_json::array();
    for (const Firewall::SetView& set : firewall.sets()) {
      sets.push_back({{"name", set.name}, {"entries", set.entries}, {"used_by_rules", set.used_by_rules}});
    }
    return ordered_json{{"sets", std::move(sets)}};
  });
  server.on("/firewall/set-entries", [&firewall](const json& request) {
    return ordered_json{{"entries", entries_json(firewall.entries(parse_name(request)))}};
  });
  server.on("/firewall/set-add", [&firewall](const json& request) { return add_to_set(firewall, request); });
  server.on("/firewall/set-take", [&firewall](const json& request) { return take_from_set(firewall, request); });
  server.on("/firewall/set-load", [&firewall](const json& request) {
    const std::string name = parse_name(request);
    const auto ranges = request.contains("path") ? read_list(field<std::string>(request, "path", "the path of a file"))
                                                 : parse_ranges(request);
    return ordered_json{{"entries", firewall.replace_set(name, entries_of(ranges, parse_end(request)))}};
  });
  server.on("/firewall/set-remove", [&firewall](const json& request) {
    firewall.remove_set(parse_name(request));
    return ordered_json::object();
  });
}

}  // namespace

void add_firewall_endpoints(CommandServer& server, Firewall& firewall, const RequireChain& require,
                            const std::optional<std::string>& caution) {
  add_rule_endpoints(server, firewall, require, caution);
  add_set_endpoints(server, firewall);
}

}  // namespace nicsentry
