// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/router.h"

#include <algorithm>
#include <utility>

#include "host/api/json/resources.h"
#include "host/api/server/problem.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    parts.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool is_capture(const std::string& part) { return part.size() > 2 && part.front() == '{' && part.back() == '}'; }

Access access_by_method(const std::string& method) { return method == "GET" ? Access::read : Access::admin; }

bool matches(const std::vector<std::string>& route, const std::vector<std::string>& path,
             std::map<std::string, std::string>& captures) {
  if (route.size() != path.size()) {
    return false;
  }
  captures.clear();
  for (std::size_t i = 0; i < route.size(); ++i) {
    if (is_capture(route[i]) && !path[i].empty()) {
      captures[route[i].substr(1, route[i].size() - 2)] = path[i];
    } else if (route[i] != path[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

void Router::add(const std::string& method, const std::string& path, Lane lane, Handler handler,
                 std::optional<Access> access) {
  routes_.push_back(
      {method, parts_of(path), lane, std::move(handler), nullptr, access.value_or(access_by_method(method))});
}

void Router::add_raw(const std::string& method, const std::string& path, Lane lane, RawHandler handler,
                     std::optional<Access> access) {
  routes_.push_back(
      {method, parts_of(path), lane, nullptr, std::move(handler), access.value_or(access_by_method(method))});
}

void Router::add_tree(const std::string& prefix, Lane lane, RawHandler handler) {
  trees_.push_back({prefix, lane, std::move(handler)});
}

const Router::Tree* Router::find_tree(std::string_view path) const {
  const Tree* found = nullptr;
  for (const Tree& tree : trees_) {
    const bool below =
        path.starts_with(tree.prefix) && (path.size() == tree.prefix.size() || path[tree.prefix.size()] == '/');
    if (below && (found == nullptr || tree.prefix.size() > found->prefix.size())) {
      found = &tree;
    }
  }
  return found;
}

std::optional<Router::Match> Router::find(std::string_view method, std::string_view path, Response& refusal) const {
  std::vector<std::string> parts = parts_of(path);
  try {
    for (std::string& part : parts) {
      part = decoded_segment(part);
    }
  } catch (const Error& error) {
    refusal = problem(error);
    return std::nullopt;
  }
  std::string allow;
  for (const Route& route : routes_) {
    Match match{route.lane, route.raw ? nullptr : &route.handler, route.raw ? &route.raw : nullptr, {}, route.access};
    if (!matches(route.parts, parts, match.captures)) {
      continue;
    }
    if (route.method == (method == "HEAD" ? "GET" : method)) {
      return match;
    }
    allow += (allow.empty() ? "" : ", ") + route.method + (route.method == "GET" ? ", HEAD" : "");
  }
  const Tree* tree = allow.empty() ? find_tree(path) : nullptr;
  if (tree != nullptr) {
    return Match{tree->lane, nullptr, &tree->handler, {}};
  }
  if (allow.empty()) {
    refusal = unknown_resource(404, "there is nothing at " + std::string(path));
  } else {
    refusal = unknown_resource(405, std::string(path) + " takes " + allow + ", not " + std::string(method));
    refusal.allow = allow;
  }
  return std::nullopt;
}

}  // namespace nicsentry
