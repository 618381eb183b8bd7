// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/routes.h"

#include <algorithm>
#include <array>

#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/datapath/interface.h"
#include "host/polycube/answers.h"
#include "host/polycube/document.h"
#include "host/polycube/settings.h"

namespace nicsentry::polycube {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRoot = "/polycube/v1";
constexpr std::array<const char*, 7> kOwn{"attach",   "detach",   "cubes",  "netdevs",
                                          "services", "topology", "version"};  // the daemon's own resources
constexpr unsigned kBadRequestStatus = 400;
constexpr unsigned kConflictStatus = 409;
constexpr unsigned kFailedStatus = 500;

// Behind the root, decoded. A slash at the end does not matter.
std::vector<std::string> parts_of_path(std::string_view path) {
  path.remove_prefix(std::string_view(kRoot).size());
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end != 0) {
      parts.push_back(decoded_segment(path.substr(0, end)));
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

bool is_own(const std::string& name) { return std::find(kOwn.begin(), kOwn.end(), name) != kOwn.end(); }

std::string required(const nlohmann::json& body, const char* name) {
  if (!body.is_object() || !body.contains(name)) {
    throw BadRequest(std::string(name) + " is missing");
  }
  return text_setting(body, name, "");
}

Position position_of(const nlohmann::json& body) {
  const int given = static_cast<int>(body.contains("position")) + static_cast<int>(body.contains("after")) +
                    static_cast<int>(body.contains("before"));
  if (given > 1) {
    throw BadRequest("position, after and before cannot be used together");
  }
  if (body.contains("after")) {
    return {Position::Kind::after, text_setting(body, "after", "")};
  }
  if (body.contains("before")) {
    return {Position::Kind::before, text_setting(body, "before", "")};
  }
  const std::string position = text_setting(body, "position", "auto");
  if (position == "first") {
    return {Position::Kind::first, ""};
  }
  if (position == "last" || position == "auto") {
    return {Position::Kind::last, ""};
  }
  throw BadRequest("position: read '" + position + "', allowed are first, last and auto");
}

Json interfaces_json() {
  Json list = Json::array();
  for (const Interface& one : list_interfaces()) {
    list.push_back({{"name", one.name}, {"index", one.index}, {"up", one.up}, {"mtu", one.mtu}});
  }
  return list;
}

// Errors of attach and detach are told as text, with 400.
template <typename Act>
Response connected(Act act) {
  try {
    act();
    return done();
  } catch (const LockOut& refused) {
    return with_text(refusal_text(refused), kBadRequestStatus);
  } catch (const std::exception& error) {
    return with_text(error.what(), kBadRequestStatus);
  }
}

}  // namespace

void Routes::add_to(Router& router) {
  const auto handler = [this](const Request& request) { return answer(request); };
  // Compilations have threads of their own, so that rules do not wait for them. A path that begins with a cube's name
  // may be a monitor's.
  router.add_tree(kRoot, Lane::slow, handler);
  for (const char* quick : {"/firewall", "/simplebridge", "/cubes", "/netdevs", "/services", "/version"}) {
    router.add_tree(std::string(kRoot) + quick, Lane::quick, handler);
  }
}

void Routes::set_base(const std::string& base) {
  const std::lock_guard lock(mutex_);
  base_ = base;
}

Response Routes::answer(const Request& request) {
  try {
    Call call{request.method, parts_of_path(request.path), request.text, {}, [this, &request] {
                return terms_of(request, guard_);
              }};
    {
      const std::lock_guard lock(mutex_);
      call.base = base_;
    }
    return dispatch(call);
  } catch (const std::exception& error) {
    return with_error(error);
  }
}

Response Routes::dispatch(Call& call) {
  if (call.path.empty()) {
    return root(call);
  }
  if (!CubeStore::is_service(call.path[0]) && !is_own(call.path[0])) {
    if (const auto cube = cubes_.find(call.path[0])) {  // without its service's name
      call.path.insert(call.path.begin(), cube->service());
    }
  }
  if (!CubeStore::is_service(call.path[0])) {
    return daemon(call);
  }
  return call.path.size() == 1 ? service(call) : cube(call);
}

Response Routes::root(const Call& call) {
  if (call.method != "GET") {
    return not_supported(call);
  }
  const std::string self = call.base + kRoot;
  Json links = Json::array({link("self", self)});
  for (const char* name : kOwn) {
    links.push_back(link_below(self, name));
  }
  for (const std::string& service : CubeStore::services()) {
    links.push_back(link_below(self, service));
  }
  for (const auto& cube : cubes_.all()) {
    links.push_back(link_below(self, cube->name()));
  }
  return with_json(links);
}

Json Routes::cubes_json() {
  Json by_service = Json::object();
  for (const auto& cube : cubes_.all()) {
    by_service[cube->service()].push_back(cube->summary());
  }
  return by_service;
}

Response Routes::daemon(const Call& call) {
  const std::string& name = call.path[0];
  if (name == "attach" || name == "detach") {
    return call.method == "POST" && call.path.size() == 1 ? (name == "attach" ? attach(call) : detach(call))
                                                          : not_supported(call);
  }
  Json document;
  if (name == "version") {
    document = {{"polycubed", {{"version", "nicsentry " + version_}}}};
  } else if (name == "services") {
    document = Json::array();
    for (const std::string& service : CubeStore::services()) {
      document.push_back({{"name", service}, {"servicecontroller", "nicsentry"}, {"version", version_}});
    }
  } else if (name == "cubes") {
    document = call.path.size() == 1 ? cubes_json() : Json();
    if (const auto one = call.path.size() == 2 ? cubes_.find(call.path[1]) : nullptr; one != nullptr) {
      document = one->summary();
    }
  } else if (name == "netdevs") {
    document = interfaces_json();
  } else if (name == "topology") {
    document = Json::array();
    for (const auto& one : cubes_.all()) {
      document.push_back(one->summary());
    }
    if (call.path.size() == 2) {
      document = {{"name", call.path[1]}, {"cubes", cubes_.chain(call.path[1])}};
    }
  }
  if (document.is_null()) {
    throw NotFound("there is no " + call.path.back());
  }
  return call.method == "GET" ? with_json(document) : not_supported(call);
}

Response Routes::service(const Call& call) {
  if (call.method == "POST") {
    const nlohmann::json body = call.body();
    cubes_.create(call.path[0], required(body, "name"), body);
    return created();
  }
  if (call.method != "GET") {
    return not_supported(call);
  }
  Json list = Json::array();
  for (const auto& one : cubes_.all()) {
    if (one->service() == call.path[0]) {
      list.push_back(one->summary());
    }
  }
  return with_json(with_links(list, call.base + kRoot + "/" + call.path[0]));
}

Response Routes::cube(Call& call) {
  const std::string& service = call.path[0];
  const std::string& name = call.path[1];
  const bool itself = call.path.size() == 2;
  const std::shared_ptr<Cube> found = cubes_.find(name);
  const bool there = found != nullptr && found->service() == service;
  if (itself && (call.method == "POST" || (call.method == "PUT" && !there))) {
    try {
      cubes_.create(service, name, call.body());
    } catch (const Conflict& error) {
      return model_error(kConflictStatus, "data-exists", error.what());
    }
    return created();
  }
  if (itself && call.method == "DELETE") {
    try {
      cubes_.remove(service, name);
    } catch (const Conflict& error) {
      return model_error(kConflictStatus, "data-missing", error.what());
    }
    return no_content();
  }
  if (!there) {
    const std::string why = "there is no " + service + " " + name;
    if (itself) {
      throw NotFound(why);
    }
    return with_text(why, kFailedStatus);  // by which the earlier clients end
  }
  return found->answer(call);
}

Response Routes::attach(const Call& call) {
  const nlohmann::json body = call.body();
  return connected(
      [&] { cubes_.attach(required(body, "cube"), required(body, "port"), position_of(body), call.terms); });
}

Response Routes::detach(const Call& call) {
  const nlohmann::json body = call.body();
  return connected([&] { cubes_.detach(required(body, "cube"), required(body, "port")); });
}

}  // namespace nicsentry::polycube
