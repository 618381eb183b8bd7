// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/client/controller.h"

#include <string_view>
#include <utility>

#include "host/api/client/find_controller.h"
#include "host/api/json/problem_json.h"
#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/lockout/cut_off.h"
#include "host/rules/language/batch.h"

namespace nicsentry {
namespace {

constexpr const char* kStats = "?stats";

using nlohmann::json;

// The error of a version that takes bytes as numbers only.
constexpr std::string_view kFramesOfFormerVersion = ", allowed is a list of bytes";

OtherVersion other_version(const std::string& socket, const std::string& path) {
  return OtherVersion("the controller at " + socket + " runs another version of nicsentry: it does not know " + path);
}

[[noreturn]] void throw_problem(const Problem& problem) {
  if (problem.type == kLockOutProblem) {
    throw LockOut(problem.errors);
  }
  if (!problem.errors.empty()) {
    throw BatchError(problem.errors);
  }
  switch (problem.status) {
    case 400:
      throw BadRequest(problem.detail);
    case 404:
      throw NotFound(problem.detail);
    case 409:
      throw Conflict(problem.detail);
    case 503:
      throw Unavailable(problem.detail);
    default:
      throw Error(problem.detail);
  }
}

[[noreturn]] void refuse(const std::string& socket, const std::string& path, const HttpAnswer& answer) {
  const bool unknown_path = answer.status == 404 || answer.status == 405;
  const json document = json::parse(answer.body, nullptr, false);
  if (answer.content_type != kProblemMediaType || document.is_discarded()) {
    if (unknown_path) {
      throw other_version(socket, path);
    }
    throw Error("the controller at " + socket + " answered " + path + " with HTTP status " +
                std::to_string(answer.status));
  }
  const auto problem = decode<Problem>(document);
  if (unknown_path && problem.type == kUnknownResource) {
    throw other_version(socket, path);
  }
  throw_problem(problem);
}

}  // namespace

Controller::Controller(std::string socket, const ClientLimits& limits) : socket_(std::move(socket)), limits_(limits) {}

Controller Controller::of_port(const std::string& interface) { return Controller(find_controller(interface)); }

std::string Controller::ask_text(const char* method, const std::string& path, const std::string& body) const {
  HttpAnswer answer = http_request(socket_, method, path, body, limits_);
  if (answer.status != 200) {
    refuse(socket_, path, answer);
  }
  return std::move(answer.body);
}

template <typename Answer>
Answer Controller::ask(const char* method, const std::string& path, const std::string& body) const {
  const std::string text = ask_text(method, path, body);
  try {
    const json document = json::parse(text, nullptr, false);
    return decode<Answer>(document);
  } catch (const Error& error) {
    throw Error("the controller at " + socket_ + " answered " + path +
                " in an unknown form (another version?): " + error.what());
  }
}

RulesAnswer Controller::rules() const { return ask<RulesAnswer>("GET", resource::kRules); }

BatchAnswer Controller::apply(Chain chain, const json& batch, const ChangeQuery& query) const {
  return ask<BatchAnswer>("POST", path_of(resource::kBatch, chain_name(chain)) + query_text(query), batch.dump());
}

RulesetAnswer Controller::ruleset() const { return ask<RulesetAnswer>("GET", resource::kRuleset); }

LoadAnswer Controller::load(const json& ruleset, const ChangeQuery& query) const {
  return ask<LoadAnswer>("PUT", resource::kRuleset + query_text(query), ruleset.dump());
}

DiffAnswer Controller::compare(const json& ruleset) const {
  return ask<DiffAnswer>("POST", resource::kRulesetDiff, ruleset.dump());
}

DefaultAnswer Controller::set_default(Chain chain, RuleAction action, const ChangeQuery& query) const {
  return ask<DefaultAnswer>("PUT", path_of(resource::kDefault, chain_name(chain)) + query_text(query),
                            encode(DefaultRequest{action}).dump());
}

EnforcedAnswer Controller::accept_established(Chain chain, bool on, const ChangeQuery& query) const {
  return ask<EnforcedAnswer>("PUT", path_of(resource::kAcceptEstablished, chain_name(chain)) + query_text(query),
                             encode(AcceptEstablishedRequest{on}).dump());
}

EnforcedAnswer Controller::drop_unjudged(Chain chain, bool on, const ChangeQuery& query) const {
  return ask<EnforcedAnswer>("PUT", path_of(resource::kUnjudged, chain_name(chain)) + query_text(query),
                             encode(UnjudgedRequest{on}).dump());
}

EnforcedAnswer Controller::set_non_ip(Chain chain, const std::optional<std::vector<std::uint16_t>>& types,
                                      const ChangeQuery& query) const {
  return ask<EnforcedAnswer>("PUT", path_of(resource::kNonIp, chain_name(chain)) + query_text(query),
                             encode(NonIpRequest{types}).dump());
}

ConfirmAnswer Controller::confirm() const { return ask<ConfirmAnswer>("POST", resource::kConfirm); }

RevertAnswer Controller::revert() const { return ask<RevertAnswer>("POST", resource::kRevert); }

EnforcedAnswer Controller::reset_counters() const { return ask<EnforcedAnswer>("POST", resource::kResetCounters); }

LimitedAnswer Controller::limited(std::size_t top) const {
  return ask<LimitedAnswer>("GET", std::string(resource::kLimited) + "?top=" + std::to_string(top));
}

ExplainAnswer Controller::explain(Chain chain, const ExplainRequest& request) const {
  const std::string path = path_of(resource::kExplain, chain_name(chain));
  try {
    return ask<ExplainAnswer>("POST", path, encode(request).dump());
  } catch (const BadRequest& refusal) {
    if (std::string_view(refusal.what()).ends_with(kFramesOfFormerVersion)) {
      throw OtherVersion("the controller at " + socket_ +
                         " runs another version of nicsentry: it does not take packets as this one sends them");
    }
    throw;
  }
}

SetsAnswer Controller::sets(bool stats) const {
  return ask<SetsAnswer>("GET", std::string(resource::kSets) + (stats ? kStats : ""));
}

SetEntriesAnswer Controller::entries(const std::string& set, bool stats) const {
  return ask<SetEntriesAnswer>("GET", path_of(resource::kSet, set) + (stats ? kStats : ""));
}

SetAddition Controller::add_to_set(const std::string& set, const SetAdditionRequest& request,
                                   const ChangeQuery& query) const {
  return ask<SetAddition>("POST", path_of(resource::kSetEntries, set) + query_text(query), encode(request).dump());
}

SetReplacement Controller::replace_set(const std::string& set, const SetReplacementRequest& request,
                                       const ChangeQuery& query) const {
  return ask<SetReplacement>("PUT", path_of(resource::kSet, set) + query_text(query), encode(request).dump());
}

SetRemoval Controller::remove_from_set(const std::string& set, const SetRemovalRequest& request,
                                       const ChangeQuery& query) const {
  return ask<SetRemoval>("POST", path_of(resource::kSetRemovals, set) + query_text(query), encode(request).dump());
}

EnforcedAnswer Controller::remove_set(const std::string& set) const {
  return ask<EnforcedAnswer>("DELETE", path_of(resource::kSet, set));
}

ProgramsAnswer Controller::programs() const { return ask<ProgramsAnswer>("GET", resource::kPrograms); }

programs::LoadedMonitor Controller::program(const std::string& name) const {
  return ask<programs::LoadedMonitor>("GET", path_of(resource::kProgram, name));
}

// Names and source text of a user's are not always UTF-8.
programs::LoadResult Controller::load_program(const ProgramLoadRequest& request) const {
  return ask<programs::LoadResult>("POST", resource::kPrograms,
                                   encode(request).dump(-1, ' ', false, json::error_handler_t::replace));
}

ProgramUnloaded Controller::unload_program(const std::string& name) const {
  return ask<ProgramUnloaded>("DELETE", path_of(resource::kProgram, name));
}

std::string Controller::read_program(const std::string& name, const ProgramQuery& query) const {
  return ask_text("GET", path_of(resource::kProgramMetrics, name) + query_text(query));
}

SessionsAnswer Controller::sessions(const SessionsQuery& query) const {
  return ask<SessionsAnswer>("GET", resource::kSessions + query_text(query));
}

TrafficAnswer Controller::traffic(std::optional<std::size_t> since_s) const {
  return ask<TrafficAnswer>("GET",
                            resource::kTraffic + (since_s ? "?since=" + std::to_string(*since_s) : std::string()));
}

ConnectionsAnswer Controller::connections() const { return ask<ConnectionsAnswer>("GET", resource::kConnections); }

EndedWindow Controller::end_window() const { return ask<EndedWindow>("POST", resource::kWindows); }

RunStatus Controller::status() const { return ask<RunStatus>("GET", resource::kStatus); }

VersionInfo Controller::version() const { return ask<VersionInfo>("GET", resource::kVersion); }

}  // namespace nicsentry
