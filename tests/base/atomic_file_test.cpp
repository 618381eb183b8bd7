// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "tests/support/output_files.h"

namespace nicsentry::output_atomic_file_test {

using namespace test;
using Names = std::vector<std::string>;
using Catch::Matchers::Contains;

namespace {

constexpr std::size_t disk_bytes = std::size_t{64} * 1024;

// Returns what `action` throws. Fails the test if that is not a SystemError.
template <typename Action>
SystemError system_error_of(Action action) {
  try {
    action();
  } catch (const SystemError& error) {
    return error;
  }
  FAIL("nothing was thrown");
  throw Error("not reached");
}

}  // namespace

TEST_CASE("a new file appears under its name only when it is published") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "new";
  FileBatch batch;
  batch.create(path).write("content");
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(batch.publish() == std::vector{path});
  CHECK(content(path) == "content");
  CHECK(files_below(directory.path()) == Names{"new"});
}

TEST_CASE("an earlier file stays as it was until the new one is published") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  put(path, "earlier");
  {
    FileBatch batch;
    batch.create(path).write("never published");
  }
  CHECK(content(path) == "earlier");
  CHECK(files_below(directory.path()) == Names{"file"});
  FileBatch batch;
  batch.create(path).write("now");
  batch.publish();
  CHECK(content(path) == "now");
}

TEST_CASE("a synced file is written, or there is no room for it") {
  on_small_disk(disk_bytes, [](const std::filesystem::path& disk) {
    for (const char* text : {"first", "second"}) {
      PendingFile file(disk / "kept", PendingFile::Kind::create);
      file.write(text);
      file.sync();
      file.finish();
      file.publish();
      CHECK(content(disk / "kept") == text);
    }
    PendingFile large(disk / "kept", PendingFile::Kind::create);
    const SystemError error = system_error_of([&large] {
      large.write(std::string(2 * disk_bytes, 'x'));
      large.sync();
    });
    CHECK(error.code() == ENOSPC);
    CHECK(content(disk / "kept") == "second");
  });
}

TEST_CASE("an extension that is not published leaves no trace") {
  const TemporaryDirectory directory;
  const GrowingFile file(directory.path() / "grows", "header\n", EarlierFile::continued);
  const std::string large(std::size_t{1024} * 1024, 'x');
  {
    FileBatch batch;
    PendingFile& extension = file.extend(batch);
    extension.write(large);
    extension.finish();
    CHECK(content(file.path()) == "header\n" + large);
  }
  CHECK(content(file.path()) == "header\n");
}

TEST_CASE("a growing file is continued or replaced, and grows by whole pieces") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "grows";
  std::string expected = "header\n";
  for (const EarlierFile earlier : {EarlierFile::continued, EarlierFile::continued, EarlierFile::replaced}) {
    const GrowingFile file(path, "header\n", earlier);
    if (earlier == EarlierFile::replaced) expected = "header\n";
    CHECK(content(path) == expected);
    for (const char* piece : {"one\n", "two\n"}) {
      FileBatch batch;
      file.extend(batch).write(piece);
      batch.publish();
      expected += piece;
    }
    CHECK(content(path) == expected);
  }
}

TEST_CASE("a growing file that was emptied gets its header again") {
  const TemporaryDirectory directory;
  const GrowingFile file(directory.path() / "grows", "header\n", EarlierFile::continued);
  put(file.path(), "");
  FileBatch batch;
  file.extend(batch).write("row\n");
  batch.publish();
  CHECK(content(file.path()) == "header\nrow\n");
}

TEST_CASE("a growing file that was moved away is created again") {
  const TemporaryDirectory directory;
  const GrowingFile file(directory.path() / "grows", "header\n", EarlierFile::continued);
  std::filesystem::rename(file.path(), directory.path() / "rotated");
  FileBatch batch;
  file.extend(batch).write("row\n");
  batch.publish();
  CHECK(content(file.path()) == "header\nrow\n");
}

TEST_CASE("files have the permissions that the umask allows") {
  const TemporaryDirectory directory;
  const mode_t former = ::umask(027);
  FileBatch batch;
  batch.create(directory.path() / "file").write("text");
  batch.publish();
  ::umask(former);
  CHECK(std::filesystem::status(directory.path() / "file").permissions() == std::filesystem::perms{0640});
}

TEST_CASE("a temporary file of a killed process does no harm") {
  const TemporaryDirectory directory;
  // The test does not know the next number that this process will use. So it takes every other one of a few hundred.
  for (int serial = 0; serial < 400; serial += 2) {
    put(directory.path() / (".nicsentry-" + std::to_string(::getpid()) + "-" + std::to_string(serial) + ".tmp"), "old");
  }
  FileBatch batch;
  for (const char* name : {"a", "b", "c"}) batch.create(directory.path() / name).write(name);
  batch.publish();
  CHECK(content(directory.path() / "c") == "c");
}

TEST_CASE("a full disk leaves no new file, no extension and no temporary file, and existing files are intact") {
  on_small_disk(disk_bytes, [](const std::filesystem::path& disk) {
    const GrowingFile file(disk / "grows", "header\n", EarlierFile::continued);
    {
      FileBatch batch;
      file.extend(batch).write("row\n");
      batch.publish();
    }
    fill_up(disk / "filler");
    const SystemError error = system_error_of([&] {
      FileBatch batch;
      file.extend(batch).write(std::string(2 * disk_bytes, 'x'));
      batch.create(disk / "new").write(std::string(2 * disk_bytes, 'y'));
      batch.publish();
    });
    CHECK(error.code() == ENOSPC);
    CHECK_THAT(error.what(), Contains("grows") && Contains("No space left"));
    CHECK(content(file.path()) == "header\nrow\n");
    CHECK(files_below(disk) == Names{"filler", "grows"});

    std::filesystem::remove(disk / "filler");
    FileBatch batch;
    file.extend(batch).write("later\n");
    batch.publish();
    CHECK(content(file.path()) == "header\nrow\nlater\n");
  });
}

TEST_CASE("a file that fits is not published if another one of its batch does not fit") {
  on_small_disk(disk_bytes, [](const std::filesystem::path& disk) {
    const GrowingFile file(disk / "grows", "header\n", EarlierFile::continued);
    const SystemError error = system_error_of([&] {
      FileBatch batch;
      PendingFile& small = batch.create(disk / "small");
      small.write("fits");
      small.finish();
      PendingFile& extension = file.extend(batch);
      extension.write("fits, too");
      extension.finish();
      batch.create(disk / "large").write(std::string(2 * disk_bytes, 'x'));
      batch.publish();
    });
    CHECK(error.code() == ENOSPC);
    CHECK_THAT(error.what(), Contains("large"));
    CHECK(content(file.path()) == "header\n");
    CHECK(files_below(disk) == Names{"grows"});
  });
}

TEST_CASE("the name of a new file is taken by a directory: the extension of the same batch is undone") {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "taken");
  const GrowingFile file(directory.path() / "grows", "header\n", EarlierFile::continued);
  {
    FileBatch batch;
    file.extend(batch).write("row\n");
    batch.create(directory.path() / "taken").write("text");
    CHECK_THROWS_WITH(batch.publish(), Contains("EISDIR") && Contains((directory.path() / "taken").string()));
  }
  CHECK(content(file.path()) == "header\n");
  CHECK(files_below(directory.path()) == Names{"grows"});
}

TEST_CASE("a directory is made with its missing parents") {
  const TemporaryDirectory directory;
  prepare_directory(directory.path() / "a" / "b");
  CHECK(std::filesystem::is_directory(directory.path() / "a" / "b"));
  CHECK(files_below(directory.path()).empty());
}

TEST_CASE("a directory without write access is an error that names it") {
  const TemporaryDirectory directory;
  put(directory.path() / "file", "");
  const std::string file = (directory.path() / "file").string();
  CHECK_THROWS_WITH(prepare_directory(directory.path() / "file" / "out"), Contains("ENOTDIR") && Contains(file));
  CHECK_THROWS_WITH(prepare_directory(file), Contains("ENOTDIR") && Contains(file));
  CHECK_THROWS_WITH(prepare_directory("/proc/self"), Contains("/proc/self"));
}

}  // namespace nicsentry::output_atomic_file_test
