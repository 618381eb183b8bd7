// SPDX-License-Identifier: GPL-2.0-or-later
// Needs root: the test's thread has a network namespace of its own.
#include "host/datapath/link_watch.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <thread>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/interface.h"
#include "host/datapath/tc_filters.h"

namespace nicsentry::link_watch_test {
namespace {

constexpr int kFlood = 3000;  // messages; the kernel keeps some hundred for a reader

// Runs an act in a network namespace that has only "lo".
void in_own_namespace(const std::function<void()>& act) {
  std::exception_ptr failure;
  std::thread thread([&act, &failure] {
    try {
      REQUIRE(unshare(CLONE_NEWNET) == 0);
      act();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

void set_up(const char* name, bool up) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(up ? IFF_UP : 0);
  REQUIRE(ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0);
}

bool names(const std::vector<int>& indices, int index) {
  return std::find(indices.begin(), indices.end(), index) != indices.end();
}

}  // namespace

TEST_CASE("a change of an interface, and of its TC hooks, is told with the interface's index") {
  in_own_namespace([] {
    const int lo = find_interface("lo").index;
    LinkWatch watch;
    CHECK(watch.take().changed.empty());
    set_up("lo", true);
    CHECK(names(watch.take().changed, lo));
    REQUIRE(std::system("tc qdisc add dev lo clsact") == 0);
    CHECK(names(watch.take().changed, lo));
    REQUIRE(std::system("tc filter add dev lo egress prio 7 protocol all u32 match u32 0 0 flowid 1:1") == 0);
    CHECK(names(watch.take().changed, lo));
    REQUIRE(std::system("tc filter del dev lo egress") == 0);
    CHECK(names(watch.take().changed, lo));
    remove_clsact(lo);
    const LinkChanges last = watch.take();
    CHECK(names(last.changed, lo));
    CHECK_FALSE(last.missed);
  });
}

// The kernel changes a link's state a moment after its carrier. Returns the state that it has at last.
LinkState settled(const char* name, LinkState wanted) {
  for (int i = 0; i < 1000 && link_state(name) != wanted; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return link_state(name);
}

TEST_CASE("a link is down, without a carrier, or up") {
  in_own_namespace([] {
    REQUIRE(std::system("ip link add one type veth peer name other") == 0);
    CHECK(link_state("one") == LinkState::down);
    set_up("one", true);
    CHECK(settled("one", LinkState::no_carrier) == LinkState::no_carrier);
    CHECK(find_interface("one").up);
    CHECK_FALSE(find_interface("one").carrier);
    set_up("other", true);
    CHECK(settled("one", LinkState::up) == LinkState::up);
    CHECK(find_interface("one").carrier);
    CHECK_THROWS_AS(link_state("none"), SystemError);
  });
}

TEST_CASE("messages that the kernel had no room for are told of once, and later ones are read again") {
  in_own_namespace([] {
    LinkWatch watch;
    for (int i = 0; i < kFlood; ++i) {
      set_up("lo", i % 2 == 0);
    }
    CHECK(watch.take().missed);
    CHECK_FALSE(watch.take().missed);
    set_up("lo", true);
    const LinkChanges later = watch.take();
    CHECK_FALSE(later.missed);
    CHECK(names(later.changed, find_interface("lo").index));
  });
}

TEST_CASE("the filters of a TC hook are listed in the order in which packets meet them") {
  in_own_namespace([] {
    const int lo = find_interface("lo").index;
    CHECK(list_tc_filters(lo, Hook::tc_egress).empty());
    REQUIRE(std::system("tc qdisc add dev lo clsact") == 0);
    CHECK_FALSE(has_tc_filters(lo));
    REQUIRE(std::system("tc filter add dev lo egress prio 20 protocol all u32 match u32 0 0 flowid 1:1") == 0);
    REQUIRE(std::system("tc filter add dev lo egress prio 10 protocol all bpf bytecode '1,6 0 0 0'") == 0);
    REQUIRE(std::system("tc filter add dev lo egress chain 5 prio 1 protocol all bpf bytecode '1,6 0 0 0'") == 0);
    const std::vector<TcFilter> filters = list_tc_filters(lo, Hook::tc_egress);
    REQUIRE(filters.size() == 2);  // packets begin in chain 0
    CHECK(filters[0].priority == 10);
    CHECK(filters[0].kind == "bpf");
    CHECK(filters[1].priority == 20);
    CHECK(filters[1].kind == "u32");
    CHECK(list_tc_filters(lo, Hook::tc_ingress).empty());
    CHECK(has_tc_filters(lo));
  });
}

}  // namespace nicsentry::link_watch_test
