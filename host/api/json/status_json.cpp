// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/status_json.h"

#include "host/base/rfc3339.h"
#include "host/report/user_program_json.h"

namespace nicsentry {

using json_fields::kBool;
using json_fields::kNumber;
using json_fields::kText;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

ordered_json encode_chain_summary(const FirewallSummary::OfChain& chain) {
  return {{"rules", chain.rules}, {"default", default_action_name(chain.default_action)}};
}

FirewallSummary::OfChain get_chain_summary(Fields chain) {
  const std::string action = chain.get<std::string>("default", kText);
  return {chain.get<std::size_t>("rules", kNumber),
          action == default_action_name(RuleAction::drop) ? RuleAction::drop : RuleAction::accept};
}

ordered_json encode_summary(const FirewallSummary& summary) {
  ordered_json object{{"ingress", encode_chain_summary(summary.ingress)},
                      {"egress", encode_chain_summary(summary.egress)},
                      {"blocked", summary.blocked}};
  for (const FirewallSummary::OfLimit& limit : summary.limits) {
    object["limits"].push_back({{"chain", chain_name(limit.chain)},
                                {"id", limit.id},
                                {"rate", limit.rate},
                                {"packets_dropped", limit.packets_dropped}});
  }
  if (summary.unconfirmed) {
    object["unconfirmed"] = encode(*summary.unconfirmed);
  }
  return object;
}

FirewallSummary get_summary(Fields fields) {
  FirewallSummary summary;
  summary.ingress = get_chain_summary(fields.object("ingress"));
  summary.egress = get_chain_summary(fields.object("egress"));
  summary.blocked = fields.get<std::size_t>("blocked", kNumber);
  if (fields.has("limits")) {
    const json& limits = fields.list("limits");
    for (std::size_t i = 0; i < limits.size(); ++i) {
      Fields limit = fields.element("limits", limits, i);
      summary.limits.push_back({parse_chain_name(limit.get<std::string>("chain", kText)),
                                limit.get<std::size_t>("id", kNumber), limit.get<std::string>("rate", kText),
                                limit.get<std::uint64_t>("packets_dropped", kNumber)});
    }
  }
  summary.unconfirmed = find_unconfirmed(fields);
  return summary;
}

UserProgram get_user_program(Fields fields) {
  UserProgram program;
  program.name = fields.get<std::string>("name", kText);
  program.interface = fields.get<std::string>("interface", kText);
  program.hook = fields.get<std::string>("hook", kText);
  program.mode = fields.get<std::string>("mode", kText);
  program.program = fields.get<std::string>("program", kText);
  program.program_id = fields.get<std::uint32_t>("program_id", kNumber);
  program.priority = fields.find<std::uint32_t>("priority", kNumber).value_or(0);
  return program;
}

config::Setting get_setting(Fields fields) {
  config::Setting setting;
  setting.name = fields.get<std::string>("name", kText);
  setting.value = fields.at("value", "a value");
  setting.source = fields.get<std::string>("source", kText);
  setting.reload = fields.get<bool>("reload", kBool);
  return setting;
}

}  // namespace

ordered_json encode(const RunStatus& status) {
  ordered_json outages = ordered_json::array();
  for (const ListedOutage& outage : status.outages) {
    outages.push_back({{"interface", outage.interface},
                       {"hook", outage.hook},
                       {"mode", outage.mode},
                       {"reason", outage.reason},
                       {"since_ns", outage.since_ns},
                       {"since_time", rfc3339(static_cast<TimestampNs>(outage.since_ns))}});
    if (outage.name) {
      outages.back()["name"] = *outage.name;
    }
  }
  ordered_json object{{"firewall", status.firewall},         {"enforced", encode(status.enforced)},
                      {"outages", std::move(outages)},       {"ended_outputs", status.ended_outputs},
                      {"windows_lost", status.windows_lost}, {"user_programs", ordered_json::array()}};
  for (const UserProgram& program : status.user_programs) {
    object["user_programs"].push_back(user_program_json(program));
  }
  if (status.summary) {
    object["rules"] = encode_summary(*status.summary);
  }
  object["configuration"] = config::settings_json(status.configuration);
  return object;
}

template <>
RunStatus decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  RunStatus status;
  status.firewall = fields.get<bool>("firewall", kBool);
  status.enforced = get_enforced(fields);
  const json& outages = fields.list("outages");
  for (std::size_t i = 0; i < outages.size(); ++i) {
    Fields outage = fields.element("outages", outages, i);
    status.outages.push_back({outage.get<std::string>("interface", kText), outage.get<std::string>("hook", kText),
                              outage.get<std::string>("mode", kText), outage.get<std::string>("reason", kText),
                              outage.get<std::uint64_t>("since_ns", kNumber), outage.find<std::string>("name", kText)});
    outage.get<std::string>("since_time", kText);
  }
  status.ended_outputs = fields.get<std::vector<std::string>>("ended_outputs", "a list of texts");
  status.windows_lost = fields.find<std::uint64_t>("windows_lost", kNumber).value_or(0);  // a former version has none
  if (fields.has("user_programs")) {                                                      // a former version has none
    const json& programs = fields.list("user_programs");
    for (std::size_t i = 0; i < programs.size(); ++i) {
      status.user_programs.push_back(get_user_program(fields.element("user_programs", programs, i)));
    }
  }
  if (fields.has("configuration")) {  // a former version has none
    const json& settings = fields.list("configuration");
    for (std::size_t i = 0; i < settings.size(); ++i) {
      status.configuration.push_back(get_setting(fields.element("configuration", settings, i)));
    }
  }
  if (fields.has("rules")) {
    status.summary = get_summary(fields.object("rules"));
  }
  return status;
}

}  // namespace nicsentry
