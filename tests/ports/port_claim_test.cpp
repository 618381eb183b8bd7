// SPDX-License-Identifier: GPL-2.0-or-later
// The locked record of a port, as other threads and claims see it. Needs root.
#include "host/ports/port_claim.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "host/base/error.h"
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
  CHECK_THROWS_WITH(PortClaim(port), "EBUSY: lo is watched already by nicsentry, process " + std::to_string(getpid()));
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
                                         ", with the runtime directory " + directory.path.string());
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

}  // namespace
}  // namespace nicsentry::testing
