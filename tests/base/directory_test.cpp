// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "host/base/atomic_file.h"
#include "host/base/directory.h"
#include "host/base/error.h"
#include "tests/support/output_files.h"

namespace nicsentry::directory_test {

using namespace test;
using Catch::Matchers::Contains;

namespace {

constexpr uid_t kSomebody = 12345;

// Ways to let others write in a directory, and ways that do not.
struct Access {
  const char* what;
  mode_t mode;
  uid_t owner;
  bool others_write;
};
const std::vector<Access> kAccesses = {
    {"private", 0700, 0, false},       {"read by all", 0755, 0, false}, {"written by its group", 0775, 0, true},
    {"written by all", 0757, 0, true}, {"like /tmp", 01777, 0, true},   {"of another user", 0755, kSomebody, true},
};

void grant(const std::filesystem::path& directory, const Access& access) {
  REQUIRE(chmod(directory.c_str(), access.mode) == 0);
  REQUIRE(chown(directory.c_str(), access.owner, 0) == 0);
}

}  // namespace

TEST_CASE("a symbolic link is followed only where nobody else may write") {
  for (const Access& access : kAccesses) {
    CAPTURE(access.what);
    const TemporaryDirectory base;
    const auto shared = base.path() / "shared";
    std::filesystem::create_directory(shared);
    std::filesystem::create_directory(base.path() / "elsewhere");
    put(base.path() / "target", "target\n");
    std::filesystem::create_symlink(base.path() / "target", shared / "file");
    std::filesystem::create_symlink(base.path() / "elsewhere", shared / "directory");
    grant(shared, access);
    const auto extend = [&] {
      PendingFile file(shared / "file", PendingFile::Kind::extend);
      file.write("more\n");
      file.finish();
      file.publish();
    };
    const auto write_below = [&] {
      prepare_directory(shared / "directory" / "new");
      PendingFile file(shared / "directory" / "new" / "file", PendingFile::Kind::create);
      file.finish();
      file.publish();
    };
    if (access.others_write) {
      CHECK_THROWS_WITH(extend(), Contains("ELOOP") && Contains((shared / "file").string()) &&
                                      Contains("a symbolic link in a directory that others may write"));
      CHECK_THROWS_WITH(write_below(), Contains("ELOOP") && Contains((shared / "directory").string()));
      CHECK(content(base.path() / "target") == "target\n");
      CHECK(files_below(base.path() / "elsewhere").empty());
    } else {
      extend();
      write_below();
      CHECK(content(base.path() / "target") == "target\nmore\n");
      CHECK(files_below(base.path() / "elsewhere") == std::vector<std::string>{"new/file"});
    }
  }
}

TEST_CASE("a new file replaces a symbolic link and leaves its target alone") {
  for (const Access& access : kAccesses) {
    CAPTURE(access.what);
    const TemporaryDirectory base;
    const auto shared = base.path() / "shared";
    std::filesystem::create_directory(shared);
    put(base.path() / "target", "target\n");
    std::filesystem::create_symlink(base.path() / "target", shared / "file");
    grant(shared, access);
    FileBatch batch;
    batch.create(shared / "file").write("new");
    batch.publish();
    CHECK(content(base.path() / "target") == "target\n");
    CHECK(content(shared / "file") == "new");
    CHECK_FALSE(std::filesystem::is_symlink(shared / "file"));
  }
}

TEST_CASE("an extension is cut back in the file that was opened, whatever its name leads to by then") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "grows";
  put(path, "header\n");
  put(directory.path() / "other", "as long as it was\n");
  {
    PendingFile extension(path, PendingFile::Kind::extend);
    extension.write("row\n");
    extension.finish();
    std::filesystem::rename(path, directory.path() / "moved");
    std::filesystem::create_symlink(directory.path() / "other", path);
  }
  CHECK(content(directory.path() / "moved") == "header\n");
  CHECK(content(directory.path() / "other") == "as long as it was\n");
}

TEST_CASE("paths lead to a directory however they are written") {
  const TemporaryDirectory base;
  std::filesystem::create_directories(base.path() / "a" / "b");
  for (const std::string path : {"/a/b", "/a/b/", "/a//b", "/a/./b", "/a/b/../b", "/a/b/."}) {
    CAPTURE(path);
    const Directory directory(base.path().string() + path);
    directory.open("found", O_WRONLY | O_CREAT | O_EXCL, 0600, "making");
    CHECK(files_below(base.path()) == std::vector<std::string>{"a/b/found"});
    directory.remove("found");
  }
  CHECK_NOTHROW(Directory(""));
  CHECK_NOTHROW(Directory("/"));
  CHECK_THROWS_WITH(Directory(base.path() / "missing" / "more"),
                    Contains("ENOENT: opening " + (base.path() / "missing").string()));
}

TEST_CASE("a file whose directory is missing is named") {
  const TemporaryDirectory base;
  const auto path = base.path() / "missing" / "file";
  CHECK_THROWS_WITH(PendingFile(path, PendingFile::Kind::create), Contains("ENOENT: opening " + path.string()));
}

}  // namespace nicsentry::directory_test
