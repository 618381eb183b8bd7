// SPDX-License-Identifier: GPL-2.0-or-later
// The locked record of a port, as other threads and claims see it. Needs root.
#include "host/ports/port_claim.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "host/app/diagnosis.h"
#include "host/base/error.h"
#include "host/base/service_unit.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_status.h"
#include "tests/support/tries.h"

namespace nicsentry::testing {
namespace {

const int kRecords = testing::tries(4000);
constexpr uid_t kNobody = 65534;

// A runtime directory of its own, which records go to while it lives.
class RuntimeDirectory {
 public:
  RuntimeDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "nicsentry-claims-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    outer = name;
    path = outer / "runtime";
    setenv("NICSENTRY_RUNTIME_DIR", path.c_str(), 1);
  }
  ~RuntimeDirectory() {
    unsetenv("NICSENTRY_RUNTIME_DIR");
    std::filesystem::remove_all(outer);
  }
  RuntimeDirectory(const RuntimeDirectory&) = delete;
  RuntimeDirectory& operator=(const RuntimeDirectory&) = delete;

  std::filesystem::path outer;
  std::filesystem::path path;
};

ClaimRecord record(std::size_t attachments) {
  return {getpid(), "a.sock", std::vector<AttachmentRecord>(attachments, {Hook::xdp, Mode::drv, 7, Owner::run, false})};
}

TEST_CASE("a claimed port has the process on record before the port is driven") {
  const RuntimeDirectory directory;
  const Interface port = find_interface("lo");
  CHECK_FALSE(read_port_record(port));
  PortClaim claim(port);
  const auto read = read_port_record(port);
  REQUIRE(read);
  CHECK(read->running);
  CHECK(read->record.pid == getpid());
  CHECK(read->record.socket.empty());
  CHECK_THROWS_WITH(PortClaim(port), "EBUSY: lo is watched already by nicsentry, process " + std::to_string(getpid()) +
                                         service_unit_of(getpid()));
  claim.erase();
  CHECK_FALSE(read_port_record(port));
}

TEST_CASE("a claim finds the record of a process that died") {
  const RuntimeDirectory directory;
  const Interface port = find_interface("lo");
  PortClaim(port).write(record(2));
  CHECK_FALSE(read_port_record(port)->running);
  const PortClaim claim(port);
  CHECK(claim.found().socket == "a.sock");
  CHECK(claim.found().attachments.size() == 2);
  CHECK(read_port_record(port)->record.attachments.size() == 2);
}

TEST_CASE("a port has its name on record, also where that is not UTF-8") {
  const RuntimeDirectory directory;
  Interface port = find_interface("lo");
  {
    const PortClaim claim(port);
    CHECK(read_port_record(port)->record.port == "lo");
  }
  port.name = "\xff";
  PortClaim claim(port);
  CHECK_NOTHROW(claim.write(record(1)));
  const ClaimRecord read = read_port_record(port)->record;
  CHECK(read.port == "\xef\xbf\xbd");
  CHECK(read.attachments.size() == 1);
}

TEST_CASE("a record is whole whenever it is read, and its claim always seen") {
  const RuntimeDirectory directory;
  const Interface port = find_interface("lo");
  PortClaim claim(port);
  claim.write(record(1));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < kRecords; ++i) {
      claim.write(record(i % 2 == 0 ? 40 : 1));
    }
    done = true;
  });
  int reads = 0;
  int broken = 0;
  while (!done || reads < 100) {
    const auto read = read_port_record(port);
    const std::size_t attachments = read ? read->record.attachments.size() : 0;
    broken += read && read->record.pid == getpid() && (attachments == 1 || attachments == 40) ? 0 : 1;
    ++reads;
  }
  writer.join();
  CAPTURE(reads);
  CHECK(broken == 0);
}

TEST_CASE("readers of a port's record do not make a claim of it fail") {
  const RuntimeDirectory directory;
  const Interface port = find_interface("lo");
  PortClaim(port).write(record(1));
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        read_port_record(port);
      }
    });
  }
  int refused = 0;
  for (int i = 0; i < kRecords; ++i) {
    try {
      const PortClaim claim(port);
    } catch (const Error&) {
      ++refused;
    }
  }
  done = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  CHECK(refused == 0);
}

TEST_CASE("a port that is claimed in another runtime directory is refused, with the process and the directory") {
  const RuntimeDirectory directory;
  const Interface port = find_interface("lo");
  std::optional<PortClaim> claim(port);
  const std::filesystem::path other = directory.outer / "other";
  setenv("NICSENTRY_RUNTIME_DIR", other.c_str(), 1);
  CHECK_THROWS_WITH(PortClaim(port), "EBUSY: lo is watched already by nicsentry, process " + std::to_string(getpid()) +
                                         service_unit_of(getpid()) + ", with the runtime directory " +
                                         directory.path.string());
  CHECK_FALSE(read_port_record(port));
  const auto holder = find_lease_holder(port);
  REQUIRE(holder);
  CHECK(holder->pid == static_cast<std::uint32_t>(getpid()));
  CHECK(holder->directory == directory.path);
  std::thread([&port] {  // "lo" of another network namespace has the same index
    REQUIRE(unshare(CLONE_NEWNET) == 0);
    CHECK_FALSE(find_lease_holder(port));
    CHECK_NOTHROW(PortClaim(port));
  })
      .join();
  claim.reset();
  CHECK_FALSE(find_lease_holder(port));
  CHECK_NOTHROW(PortClaim(port));
}

TEST_CASE("of many that claim a port at the same time in directories of their own, at most one has it") {
  const RuntimeDirectory directory;
  const Interface port = find_interface("lo");
  constexpr int kRounds = 100;
  constexpr int kClaimers = 4;
  for (int round = 0; round < kRounds; ++round) {
    std::atomic<int> holders{0};
    std::atomic<int> tried{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kClaimers; ++i) {
      threads.emplace_back([&] {
        std::optional<PortLease> lease;
        try {
          lease.emplace(port, "/somewhere");
          ++holders;
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): refused
        }
        ++tried;
        while (tried < kClaimers) {
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    REQUIRE(holders == 1);
  }
}

TEST_CASE("a runtime directory that another user controls is refused") {
  const RuntimeDirectory directory;
  CHECK(runtime_directory() == directory.path);
  struct stat made {};
  REQUIRE(stat(directory.path.c_str(), &made) == 0);
  CHECK((made.st_mode & 07777U) == S_IRWXU);

  REQUIRE(chmod(directory.path.c_str(), 0770) == 0);
  CHECK_THROWS_WITH(runtime_directory(), Catch::Contains("can be written by other users"));
  REQUIRE(chmod(directory.path.c_str(), 0755) == 0);
  CHECK_NOTHROW(runtime_directory());
  REQUIRE(chown(directory.path.c_str(), kNobody, kNobody) == 0);
  CHECK_THROWS_WITH(runtime_directory(), Catch::Contains("belongs to user 65534"));
  std::filesystem::rename(directory.path, directory.outer / "real");
  std::filesystem::create_directory_symlink(directory.outer / "real", directory.path);
  CHECK_THROWS_WITH(runtime_directory(), Catch::Contains("is not a directory"));
}

namespace {

// Returns the words that an ordinary user gets from `act`.
template <typename Act>
std::string told_to_nobody(Act act) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    std::string said = "nothing";
    if (setgid(kNobody) == 0 && setuid(kNobody) == 0) {
      try {
        act();
      } catch (const Error& error) {
        said = error.what();
      }
    }
    _exit(write(to.get(), said.data(), said.size()) < 0 ? 1 : 0);
  }
  to = UniqueFd();
  std::string said(1000, '\0');
  const ssize_t got = read(from.get(), said.data(), said.size());
  waitpid(child, nullptr, 0);
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return said;
}

}  // namespace

TEST_CASE("a runtime directory of another user is refused with the user whom commands need") {
  const RuntimeDirectory directory;
  CHECK(runtime_directory() == directory.path);
  REQUIRE(chmod(directory.outer.c_str(), 0755) == 0);
  CHECK_THAT(told_to_nobody([] { runtime_directory(); }),
             Catch::StartsWith("EACCES: opening " + directory.path.string()) &&
                 Catch::Contains("need no capabilities, but the user who runs nicsentry: user 0, root (sudo)"));
}

TEST_CASE("whoever may not drive a port is told what that needs") {
  const RuntimeDirectory directory;
  CHECK(runtime_directory() == directory.path);
  REQUIRE(chmod(directory.outer.c_str(), 0755) == 0);
  const Interface port = find_interface("lo");
  for (const std::string& said : {told_to_nobody([&port] { const PortClaim claim(port); }),
                                  told_to_nobody([] { detach_port("lo", std::nullopt); })}) {
    CHECK_THAT(said, Catch::StartsWith("EACCES: opening the runtime directory " + directory.path.string() + ": ") &&
                         Catch::Contains("needs root (sudo), or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON with a "
                                         "NICSENTRY_RUNTIME_DIR of this user"));
  }
}

TEST_CASE("a damaged record is empty, and a file that is none holds nobody up") {
  const RuntimeDirectory directory;
  const Interface port = find_interface("lo");
  PortClaim(port).write(record(1));
  const auto files = std::filesystem::directory_iterator(directory.path);
  const std::filesystem::path path = files->path();
  for (const char* text : {"", "{", "[]", R"({"pid": "x"})", R"({"pid": 7, "planes": 5})",
                           R"({"pid": 7, "planes": [{"mode": "sideways"}]})", "\xff\xfe"}) {
    INFO(text);
    std::ofstream(path) << text;
    const auto read = read_port_record(port);
    REQUIRE(read);
    CHECK(read->record.pid == 0);
    CHECK(read->record.attachments.empty());
  }
  std::filesystem::remove(path);
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  CHECK(read_port_record(port)->record.pid == 0);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/etc/hostname", path);
  CHECK_THROWS_WITH(read_port_record(port), Catch::Contains("ELOOP: opening " + path.string()));
}

TEST_CASE("a run that watches ports of another network namespace is named, with the way to it") {
  const RuntimeDirectory directory;
  const Interface port = find_interface("lo");
  const PortClaim claim(port);
  CHECK(runs_elsewhere().empty());
  CHECK(hint_at_runs_elsewhere("lo").empty());
  const std::string pid = std::to_string(getpid());
  std::thread([&] {
    REQUIRE(unshare(CLONE_NEWNET) == 0);
    const auto runs = runs_elsewhere();
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].pid == getpid());
    CHECK(runs[0].ports == std::vector<std::string>{"lo"});
    const std::string hint = "process " + pid + " watches lo of another network namespace, ask it with: nsenter -t " +
                             pid + " -n nicsentry ...";
    CHECK(hint_at_runs_elsewhere("lo") == hint);
    CHECK(hint_at_runs_elsewhere("other") == hint);  // better than none
    CHECK_THROWS_WITH(find_port("other"), Catch::StartsWith("ENODEV: interface 'other'") && Catch::EndsWith(hint));
    CHECK(find_port("lo").index == port.index);
    CHECK_THROWS_WITH(diagnose({"other"}), Catch::EndsWith(hint));
    const auto stray = directory.path / "1-1.json";
    std::filesystem::create_symlink("/etc/hostname", stray);
    CHECK_THROWS_WITH(runs_elsewhere(), Catch::Contains("ELOOP: opening " + stray.string()));
    CHECK(hint_at_runs_elsewhere("lo").empty());
    CHECK_THROWS_WITH(
        find_port("other"),
        Catch::StartsWith("ENODEV: interface 'other': No such device\n  interfaces here: ") && Catch::Contains("lo"));
  }).join();
}

TEST_CASE("a port that is not there is said to be none, and that makes no runtime directory") {
  const RuntimeDirectory directory;
  CHECK_THROWS_WITH(
      find_port("other"),
      Catch::StartsWith("ENODEV: interface 'other': No such device\n  interfaces here: ") && Catch::Contains("lo"));
  CHECK_FALSE(std::filesystem::exists(directory.path));
}

TEST_CASE("records of network namespaces that are gone are removed, unless a process has the port") {
  const RuntimeDirectory directory;
  PortClaim(find_interface("lo")).write(record(1));
  const auto held = directory.path / "1-2.json";
  const auto dead = directory.path / "1-3.json";
  const auto other = directory.path / "1-3.txt";
  for (const auto& path : {held, dead, other}) {
    std::ofstream(path) << "{}";
  }
  const UniqueFd holder(open(held.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(flock(holder.get(), LOCK_EX) == 0);
  remove_vanished_records();
  CHECK(std::filesystem::exists(held));
  CHECK_FALSE(std::filesystem::exists(dead));
  CHECK(std::filesystem::exists(other));
  CHECK(read_port_record(find_interface("lo"))->record.socket == "a.sock");
  REQUIRE(chmod(directory.path.c_str(), 0770) == 0);
  CHECK_THROWS_AS(remove_vanished_records(), Error);
}

}  // namespace
}  // namespace nicsentry::testing
