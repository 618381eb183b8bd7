// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <mutex>
#include <string>

#include "host/api/server/router.h"
#include "host/polycube/call.h"
#include "host/polycube/change_guard.h"
#include "host/polycube/cube_store.h"

namespace nicsentry::polycube {

// Which resource of "/polycube/v1" a request is for: the daemon's own, or a cube's.
class Routes {
 public:
  Routes(CubeStore& cubes, std::string version, ChangeGuard guard)
      : cubes_(cubes), version_(std::move(version)), guard_(guard) {}

  void add_to(Router& router);
  // "//127.0.0.1:9000", for links.
  void set_base(const std::string& base);

  // Any thread may call.
  Response answer(const Request& request);

 private:
  Response dispatch(Call& call);
  Response root(const Call& call);
  Response daemon(const Call& call);
  Response service(const Call& call);
  Response cube(Call& call);
  Response attach(const Call& call);
  Response detach(const Call& call);
  nlohmann::ordered_json cubes_json();

  CubeStore& cubes_;
  const std::string version_;
  const ChangeGuard guard_;
  std::mutex mutex_;  // of base_
  std::string base_;
};

}  // namespace nicsentry::polycube
