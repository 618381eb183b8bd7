// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/api/server/request.h"

namespace nicsentry {

// Requests of one lane never wait for those of another (lanes.h): what may take long does not keep anybody from
// `block`, nor a scrape of metrics, which has to be in time.
enum class Lane { quick, slow, scrape };

// Which handler answers which method and path. Paths are written with names in braces: "/api/v1/sets/{name}". Routes
// are added before the server starts; find() may then be called from any thread.
class Router {
 public:
  // `access`: none: GET takes Access::read, all others Access::admin.
  void add(const std::string& method, const std::string& path, Lane lane, Handler handler,
           std::optional<Access> access = std::nullopt);
  // For an answer that is not small JSON.
  void add_raw(const std::string& method, const std::string& path, Lane lane, RawHandler handler,
               std::optional<Access> access = std::nullopt);
  // All methods and all paths at `prefix` or below it that no route of add() has. Of several the longest prefix counts.
  void add_tree(const std::string& prefix, Lane lane, RawHandler handler);

  struct Match {
    Lane lane = Lane::quick;
    const Handler* handler = nullptr;  // null: `raw` answers
    const RawHandler* raw = nullptr;
    std::map<std::string, std::string> captures;
    Access access = Access::admin;
  };
  // `path` is percent-encoded, without a query. HEAD is answered as GET. Nothing where no route has the path and the
  // method; `refusal` is then the answer: 404, or 405 with the methods that the path has, or 400.
  std::optional<Match> find(std::string_view method, std::string_view path, Response& refusal) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> parts;
    Lane lane;
    Handler handler;  // none: `raw` answers
    RawHandler raw{};
    Access access = Access::admin;
  };

  struct Tree {
    std::string prefix;
    Lane lane;
    RawHandler handler;
  };
  const Tree* find_tree(std::string_view path) const;

  std::vector<Route> routes_;
  std::vector<Tree> trees_;
};

}  // namespace nicsentry
