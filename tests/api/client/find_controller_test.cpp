// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/client/find_controller.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "host/api/server/http_server.h"
#include "host/base/error.h"
#include "host/datapath/interface.h"
#include "host/ports/port_claim.h"
#include "tests/api/http_test_client.h"

using namespace nicsentry;
using namespace std::chrono_literals;

namespace {

constexpr const char* kPort = "lo";

// A runtime directory of the test's own.
struct Runtime {
  Runtime() { setenv("NICSENTRY_RUNTIME_DIR", directory.path().c_str(), 1); }
  ~Runtime() { unsetenv("NICSENTRY_RUNTIME_DIR"); }

  std::string socket(int pid) const {
    return (directory.path() / ("controller-" + std::to_string(pid) + ".sock")).string();
  }

  TestDirectory directory;
  Router router;
};

int pid_of_dead_process() {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  return child;
}

// A socket at which nobody listens any more, as a killed process leaves it.
void leave_socket(const Runtime& runtime, int pid) {
  HttpServer server(runtime.router);
  server.listen_unix(runtime.socket(pid));
  std::filesystem::rename(runtime.socket(pid), runtime.socket(pid) + ".kept");
  server.stop();
  std::filesystem::rename(runtime.socket(pid) + ".kept", runtime.socket(pid));
}

}  // namespace

TEST_CASE("without a controller the error says how to start one") {
  const Runtime runtime;
  CHECK_THROWS_AS(find_controller(""), NotFound);
  CHECK_THROWS_WITH(find_controller(""), Catch::Contains("start one with: nicsentry run -i PORT"));
  CHECK_THROWS_AS(find_controller(kPort), NotFound);
  CHECK_THROWS_WITH(find_controller(kPort), Catch::Contains("no controller watches lo"));
}

TEST_CASE("the only controller that listens is found; of two the error lists both") {
  const Runtime runtime;
  HttpServer first(runtime.router);
  first.listen_unix(runtime.socket(getpid()));
  leave_socket(runtime, pid_of_dead_process());
  CHECK(find_controller("") == runtime.socket(getpid()));
  HttpServer second(runtime.router);
  second.listen_unix(runtime.socket(1));
  CHECK_THROWS_WITH(find_controller(""), Catch::Contains("2 controllers run: process 1, process ") &&
                                             Catch::Contains("say which with -i PORT"));
}

TEST_CASE("a controller of another network namespace is hinted at") {
  const Runtime runtime;
  const PortClaim claim(find_interface(kPort));
  std::thread([] {
    REQUIRE(unshare(CLONE_NEWNET) == 0);
    CHECK_THROWS_AS(find_controller(kPort), NotFound);
    CHECK_THROWS_WITH(find_controller(kPort, 0ms), Catch::Contains("no controller watches lo") &&
                                                       Catch::Contains("nsenter -t " + std::to_string(getpid())));
  }).join();
}

TEST_CASE("dead sockets are removed when a run asks for it, and not by looking for a controller") {
  const Runtime runtime;
  HttpServer server(runtime.router);
  server.listen_unix(runtime.socket(1));
  const int dead = pid_of_dead_process();
  leave_socket(runtime, dead);
  leave_socket(runtime, getpid());  // its process is there: it may be about to listen
  find_controller("");
  CHECK(std::filesystem::exists(runtime.socket(dead)));
  remove_dead_sockets();
  CHECK_FALSE(std::filesystem::exists(runtime.socket(dead)));
  CHECK(std::filesystem::exists(runtime.socket(getpid())));
  CHECK(std::filesystem::exists(runtime.socket(1)));
}

TEST_CASE("a run that has claimed its port and does not listen yet is waited for, then said to be starting") {
  const Runtime runtime;
  PortClaim claim(find_interface(kPort));
  const auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(find_controller(kPort, 200ms), Unavailable);
  CHECK(std::chrono::steady_clock::now() - start >= 200ms);
  CHECK_THROWS_WITH(find_controller(kPort, 0ms), "the controller of lo is starting; try again");

  SECTION("a record that a dead run left does not count") {
    claim.write({pid_of_dead_process(), runtime.socket(1), {}});
    CHECK_THROWS_AS(find_controller(kPort, 0ms), Unavailable);
  }
  SECTION("it is found as soon as it listens") {
    HttpServer server(runtime.router);
    std::thread starting([&] {
      std::this_thread::sleep_for(150ms);
      claim.write({getpid(), runtime.socket(getpid()), {}});
      std::this_thread::sleep_for(50ms);
      server.listen_unix(runtime.socket(getpid()));
    });
    CHECK(find_controller(kPort, 5s) == runtime.socket(getpid()));
    starting.join();
  }
  claim.erase();
}
