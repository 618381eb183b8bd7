// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/access/access_gate.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "host/api/server/page_check.h"
#include "host/api/server/problem.h"

namespace nicsentry {
namespace {

constexpr unsigned kUnauthorized = 401;
constexpr unsigned kForbiddenRequest = 403;
constexpr unsigned kTooMany = 429;

// A stranger's text for the log: no byte of it steers a terminal or begins a line, and it does not fill the disk.
std::string harmless(const std::string& text) {
  constexpr std::size_t kMost = 200;
  const std::string quoted =
      nlohmann::json(text.substr(0, kMost)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2) + (text.size() > kMost ? "..." : "");
}

std::string request_text(const Arrival& arrival) {
  return arrival.remote.address.text() + " port " + std::to_string(arrival.remote.port) + ": " +
         harmless(arrival.method) + " " + harmless(arrival.path);
}

}  // namespace

AccessGate::AccessGate(Options options, Tokens tokens)
    : options_(std::move(options)), tokens_(std::make_shared<const Tokens>(std::move(tokens))) {}

void AccessGate::use(Tokens tokens) {
  auto made = std::make_shared<const Tokens>(std::move(tokens));
  const std::lock_guard lock(mutex_);
  tokens_ = std::move(made);
}

std::optional<Response> AccessGate::judge(const Arrival& arrival) {
  if (!rate_.take(arrival.remote.address, RateLimit::Clock::now())) {
    return refuse(arrival, kTooMany,
                  "more than " + std::to_string(static_cast<int>(RateLimit::kPerSecond)) +
                      " requests a second of one address; try again in a second");
  }
  const HostRules hosts{[&arrival](const IpAddress& address) {
                          return address == arrival.local.address ||
                                 (is_loopback(address) && is_loopback(arrival.local.address));
                        },
                        options_.hosts, options_.tls ? "https" : "http"};
  if (const auto why = refusal_of_page(arrival, hosts)) {
    return refuse(arrival, kForbiddenRequest, *why);
  }
  if (arrival.access == Access::anyone) {
    return std::nullopt;
  }
  if (arrival.authorization.empty() && reads_freely(arrival)) {
    return std::nullopt;
  }
  std::shared_ptr<const Tokens> tokens;
  {
    const std::lock_guard lock(mutex_);
    tokens = tokens_;
  }
  const Token* token = arrival.authorization.size() == 1 ? find_token(*tokens, arrival.authorization.front()) : nullptr;
  if (token == nullptr) {
    return refuse(arrival, kUnauthorized,
                  arrival.authorization.empty() ? "a bearer token is needed (header Authorization)"
                                                : "the header Authorization has no token that is known here");
  }
  if (arrival.access == Access::admin && token->role != Access::admin) {
    return refuse(arrival, kForbiddenRequest, "the token '" + token->name + "' may read, and change nothing");
  }
  if (arrival.token_name != nullptr) {
    *arrival.token_name = token->name;
  }
  if (arrival.access == Access::admin && options_.changed) {
    options_.changed(request_text(arrival) + ": by the token '" + token->name + "'");
  }
  return std::nullopt;
}

Access AccessGate::role(const Arrival& arrival) {
  std::shared_ptr<const Tokens> tokens;
  {
    const std::lock_guard lock(mutex_);
    tokens = tokens_;
  }
  const Token* token = arrival.authorization.size() == 1 ? find_token(*tokens, arrival.authorization.front()) : nullptr;
  return token == nullptr ? Access::read : token->role;
}

// A proxy on this host would let everybody read who reaches it.
bool AccessGate::reads_freely(const Arrival& arrival) const {
  return options_.open_read && arrival.access == Access::read && !arrival.forwarded &&
         is_loopback(arrival.remote.address) && is_loopback(arrival.local.address);
}

std::optional<Response> AccessGate::refuse(const Arrival& arrival, unsigned status, const std::string& why) const {
  if (options_.refused) {
    options_.refused("refused a request of " + request_text(arrival) + ": " + why);
  }
  Response response = problem(status, why);
  if (status == kUnauthorized) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"nicsentry\"");
  } else if (status == kTooMany) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

}  // namespace nicsentry
