// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/service_manager.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace nicsentry::service_manager_test {
namespace {

using namespace std::chrono_literals;

// A manager's socket in the abstract namespace, which NOTIFY_SOCKET names, and the watchdog's limit.
class Manager {
 public:
  explicit Manager(const std::string& watchdog_us = "") : name_("@nicsentry-test-" + std::to_string(getpid())) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name_.copy(address.sun_path, name_.size());
    address.sun_path[0] = 0;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    REQUIRE(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    setenv("NOTIFY_SOCKET", name_.c_str(), 1);
    if (!watchdog_us.empty()) {
      setenv("WATCHDOG_USEC", watchdog_us.c_str(), 1);
    }
  }
  ~Manager() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      unsetenv(name);
    }
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // What came in since the last call.
  std::vector<std::string> received() const {
    std::vector<std::string> messages;
    std::array<char, 8192> buffer{};
    ssize_t length = 0;
    while ((length = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) >= 0) {
      messages.emplace_back(buffer.data(), static_cast<std::size_t>(length));
    }
    return messages;
  }

 private:
  std::string name_;
  UniqueFd fd_{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

using Words = std::vector<std::string>;

struct Warnings {
  Words seen;
  std::function<void(const std::string&)> take = [this](const std::string& text) { seen.push_back(text); };
};

}  // namespace

TEST_CASE("service manager: each state is one message of sd_notify's protocol") {
  const Manager manager;
  Warnings warnings;
  ServiceManager told(warnings.take);
  told.ready("eth0/xdp (drv): watched");
  told.status("nothing");
  told.reloading();
  told.stopping();
  told.stopping();
  const Words messages = manager.received();
  REQUIRE(messages.size() == 4);
  CHECK(messages[0] == "READY=1\nSTATUS=eth0/xdp (drv): watched");
  CHECK(messages[1] == "STATUS=nothing");
  CHECK(messages[2].starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(messages[3] == "STOPPING=1\nSTATUS=ending: the last window is closed");
  told.status(std::string(10'000, 'x'));
  CHECK(manager.received() == Words{"STATUS=" + std::string(1000, 'x')});
  CHECK(warnings.seen.empty());
}

TEST_CASE("service manager: the watchdog is fed each half of its time while the loop turns, and not while it stands") {
  const Manager manager("40000");
  Warnings warnings;
  ServiceManager told(warnings.take);
  EventLoop loop;
  told.feed_from(loop);
  const auto begin = EventLoop::Clock::now();
  std::thread other([&] {
    std::size_t fed = 0;
    while (fed < 4) {
      fed += manager.received().size();
      std::this_thread::sleep_for(1ms);
    }
    loop.calls().call([&] {  // the loop stands still here
      static_cast<void>(manager.received());
      std::this_thread::sleep_for(200ms);
      CHECK(manager.received().empty());
      return 0;
    });
    while (manager.received().empty()) {  // it goes on
      std::this_thread::sleep_for(1ms);
    }
    loop.stop();
  });
  loop.run();
  other.join();
  CHECK(EventLoop::Clock::now() - begin >= 3 * 20ms + 200ms);  // not more often, either
  static_cast<void>(manager.received());
  told.stopping();
  CHECK(manager.received() == Words{"STOPPING=1\nSTATUS=ending: the last window is closed\nWATCHDOG_USEC=0"});
  CHECK(warnings.seen.empty());
}

TEST_CASE("service manager: the watchdog of another process is not fed") {
  const Manager manager("40000");
  setenv("WATCHDOG_PID", std::to_string(getppid()).c_str(), 1);
  Warnings warnings;
  ServiceManager told(warnings.take);
  EventLoop loop;
  told.feed_from(loop);
  loop.add_timer(EventLoop::Clock::now() + 50ms, [&](auto) {
    loop.stop();
    return EventLoop::kNever;
  });
  loop.run();
  CHECK(manager.received().empty());
}

TEST_CASE("service manager: what cannot be told is warned of once") {
  Warnings warnings;
  {
    const Manager manager("soon");
    ServiceManager told(warnings.take);
    told.ready("");
    CHECK(manager.received() == Words{"READY=1\nSTATUS="});
    CHECK(warnings.seen == Words{"WATCHDOG_USEC: read 'soon', allowed is a number above 0; the watchdog is not fed"});
  }
  for (const std::string& name : {std::string("vsock:2:1"), "@" + std::string(107, 'x'), std::string("/")}) {
    warnings.seen.clear();
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
    ServiceManager told(warnings.take);
    told.ready("");
    CHECK(warnings.seen ==
          Words{"NOTIFY_SOCKET: read '" + name + "', allowed is a path or @NAME; the service manager is told nothing"});
  }
  warnings.seen.clear();
  setenv("NOTIFY_SOCKET", "@nicsentry-test-nobody", 1);
  ServiceManager told(warnings.take);
  told.ready("");
  told.status("");
  CHECK(warnings.seen == Words{"ECONNREFUSED: telling the service manager at @nicsentry-test-nobody 'READY=1': "
                               "Connection refused"});
  unsetenv("NOTIFY_SOCKET");
  warnings.seen.clear();
  ServiceManager(warnings.take).ready("");
  CHECK(warnings.seen.empty());
}

}  // namespace nicsentry::service_manager_test
