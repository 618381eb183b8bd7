// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/api/client/http_client.h"
#include "host/api/json/change_query.h"
#include "host/api/json/connections_json.h"
#include "host/api/json/explain_json.h"
#include "host/api/json/limited_json.h"
#include "host/api/json/live_json.h"
#include "host/api/json/live_query.h"
#include "host/api/json/program_query.h"
#include "host/api/json/programs_json.h"
#include "host/api/json/rules_json.h"
#include "host/api/json/sets_json.h"
#include "host/api/json/status_json.h"
#include "host/api/json/version_json.h"
#include "host/api/json/window_json.h"
#include "host/base/error.h"

namespace nicsentry {

// The controller does not know what it was asked for: it runs another version of nicsentry.
class OtherVersion : public Error {
 public:
  using Error::Error;
};

// A running controller, as a client sees it: one function a request. Each throws BadRequest (with each error of a
// batch), NotFound, Conflict (LockOut among them) or Unavailable when the controller refuses, Unavailable when it does
// not answer, and OtherVersion or Error when it runs another version of nicsentry.
class Controller {
 public:
  explicit Controller(std::string socket, const ClientLimits& limits = {});
  // The controller that watches a port, or with no port ("") the only one that runs (find_controller()).
  static Controller of_port(const std::string& interface);

  RulesAnswer rules() const;
  BatchAnswer apply(Chain chain, const nlohmann::json& batch, const ChangeQuery& query = {}) const;
  // Rules, settings and sets as a document; another one in its place; what that would change.
  RulesetAnswer ruleset() const;
  LoadAnswer load(const nlohmann::json& ruleset, const ChangeQuery& query = {}) const;
  DiffAnswer compare(const nlohmann::json& ruleset) const;
  DefaultAnswer set_default(Chain chain, RuleAction action, const ChangeQuery& query = {}) const;
  EnforcedAnswer accept_established(Chain chain, bool on, const ChangeQuery& query = {}) const;
  EnforcedAnswer drop_unjudged(Chain chain, bool on, const ChangeQuery& query = {}) const;
  EnforcedAnswer set_non_ip(Chain chain, const std::optional<std::vector<std::uint16_t>>& types,
                            const ChangeQuery& query = {}) const;
  // A change that was asked for with ChangeQuery::confirm stays.
  ConfirmAnswer confirm() const;
  // It is taken back at once.
  RevertAnswer revert() const;
  EnforcedAnswer reset_counters() const;
  // `top`: at most so many addresses of each limit.
  LimitedAnswer limited(std::size_t top) const;
  ExplainAnswer explain(Chain chain, const ExplainRequest& request) const;

  SetsAnswer sets(bool stats = false) const;  // stats: with hits
  SetEntriesAnswer entries(const std::string& set, bool stats = false) const;
  SetAddition add_to_set(const std::string& set, const SetAdditionRequest& request,
                         const ChangeQuery& query = {}) const;
  SetReplacement replace_set(const std::string& set, const SetReplacementRequest& request,
                             const ChangeQuery& query = {}) const;
  SetRemoval remove_from_set(const std::string& set, const SetRemovalRequest& request,
                             const ChangeQuery& query = {}) const;
  EnforcedAnswer remove_set(const std::string& set) const;

  ProgramsAnswer programs() const;
  programs::LoadedMonitor program(const std::string& name) const;
  programs::LoadResult load_program(const ProgramLoadRequest& request) const;
  ProgramUnloaded unload_program(const std::string& name) const;
  std::string read_program(const std::string& name, const ProgramQuery& query) const;  // as the query's format has it

  ConnectionsAnswer connections() const;
  // The open window so far.
  SessionsAnswer sessions(const SessionsQuery& query = {}) const;
  // The last hour, or so many seconds of it.
  TrafficAnswer traffic(std::optional<std::size_t> since_s = std::nullopt) const;
  EndedWindow end_window() const;
  RunStatus status() const;
  VersionInfo version() const;

 private:
  std::string ask_text(const char* method, const std::string& path, const std::string& body = {}) const;
  template <typename Answer>
  Answer ask(const char* method, const std::string& path, const std::string& body = {}) const;

  std::string socket_;
  ClientLimits limits_;
};

}  // namespace nicsentry
