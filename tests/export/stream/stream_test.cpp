// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <string>
#include <utility>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/export/stream/append_file.h"
#include "host/export/stream/fd_writer.h"
#include "host/export/stream/line_stream.h"
#include "tests/support/output_files.h"

namespace nicsentry::stream_test {

namespace {

using namespace std::chrono_literals;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Pipe make_pipe() {
  std::array<int, 2> fds{};
  REQUIRE(pipe2(fds.data(), O_CLOEXEC) == 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::string read_all(int fd) {
  std::string all;
  std::array<char, 65536> part{};
  for (ssize_t got = 0; (got = read(fd, part.data(), part.size())) > 0;) {
    all.append(part.data(), static_cast<std::size_t>(got));
  }
  return all;
}

const std::string kLong(1 << 20, 'x');  // more than a pipe holds

}  // namespace

TEST_CASE("fd writer: a text longer than a pipe holds arrives whole, the descriptor's flags stay") {
  Pipe pipe = make_pipe();
  const int flags = fcntl(pipe.writer.get(), F_GETFL);
  auto reader = std::async(std::launch::async, [&] { return read_all(pipe.reader.get()); });
  FdWriter writer(pipe.writer.get());
  CHECK(writer.write(kLong));
  CHECK(fcntl(pipe.writer.get(), F_GETFL) == flags);
  pipe.writer = UniqueFd();
  CHECK(reader.get() == kLong);
}

TEST_CASE("fd writer: give_up() ends a write that waits for a reader") {
  Pipe pipe = make_pipe();
  FdWriter writer(pipe.writer.get());
  auto written = std::async(std::launch::async, [&] { return writer.write(kLong); });
  CHECK(written.wait_for(20ms) == std::future_status::timeout);
  writer.give_up();
  CHECK_FALSE(written.get());
  CHECK_FALSE(writer.write("more"));
}

TEST_CASE("fd writer: a reader that is gone is an error") {
  signal(SIGPIPE, SIG_IGN);
  Pipe pipe = make_pipe();
  pipe.reader = UniqueFd();
  FdWriter writer(pipe.writer.get());
  CHECK_THROWS_WITH(writer.write("text"), Catch::StartsWith("EPIPE: "));
}

TEST_CASE("line stream: a reader that stands still costs the oldest lines, and reads how many") {
  Pipe pipe = make_pipe();
  QueueLimits limits;
  limits.items = 2;
  limits.grace = 50ms;
  LineStream stream("lines", pipe.writer.get(), limits,
                    [](std::uint64_t lost) { return "lost " + std::to_string(lost) + "\n"; });
  stream.offer(kLong + "\n");
  std::array<char, 1> first{};
  REQUIRE(read(pipe.reader.get(), first.data(), 1) == 1);  // the stream is at work with that line
  for (const char* line : {"1\n", "2\n", "3\n", "4\n"}) {
    stream.offer(line);
  }
  auto reader = std::async(std::launch::async, [&] { return read_all(pipe.reader.get()); });
  CHECK(stream.close());
  pipe.writer = UniqueFd();
  CHECK(reader.get().substr(kLong.size()) == "lost 2\n3\n4\n");
}

TEST_CASE("line stream: closing one that nobody reads ends within its grace") {
  Pipe pipe = make_pipe();
  QueueLimits limits;
  limits.grace = 50ms;
  LineStream stream("lines", pipe.writer.get(), limits, [](std::uint64_t) { return std::string(); });
  stream.offer(kLong);
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(stream.close());
  CHECK(std::chrono::steady_clock::now() - start < 5s);
}

TEST_CASE("append file: a FIFO that nobody reads is an error at once, one that is read takes lines") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "fifo";
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(AppendFile(path), Catch::Contains("ENXIO: opening"));
  const UniqueFd reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  REQUIRE(reader);
  AppendFile file(path);
  file.append("a line\n");
  std::array<char, 16> read_back{};
  CHECK(read(reader.get(), read_back.data(), read_back.size()) == 7);
}

TEST_CASE("append file: a failed line leaves nothing, a later one is written") {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / ("append-" + std::to_string(getpid()));
  AppendFile file(path);
  file.append("first\n");
  rlimit former{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &former) == 0);
  signal(SIGXFSZ, SIG_IGN);
  rlimit small = former;
  small.rlim_cur = 10;  // the second line fits in part
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  CHECK_THROWS_WITH(file.append("second\n"), Catch::StartsWith("EFBIG: writing " + path.string()));
  REQUIRE(setrlimit(RLIMIT_FSIZE, &former) == 0);
  file.append("third\n");
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  CHECK(content.str() == "first\nthird\n");
  std::filesystem::remove(path);
}

TEST_CASE("append file: a line begins on a line of its own behind a half one") {
  const test::TemporaryDirectory directory;
  for (const auto& [before, after] : {std::pair("", "line\n"), {"whole\n", "whole\nline\n"}, {"ha", "ha\nline\n"}}) {
    test::put(directory.path() / "log", before);
    AppendFile file(directory.path() / "log");
    file.append("line\n");
    CHECK(test::content(directory.path() / "log") == after);
    file.append("line\n");
    CHECK(test::content(directory.path() / "log") == std::string(after) + "line\n");
  }
}

TEST_CASE("append file: a symbolic link in a directory that others may write is refused") {
  const test::TemporaryDirectory directory;
  test::put(directory.path() / "target", "target\n");
  std::filesystem::create_symlink(directory.path() / "target", directory.path() / "log");
  AppendFile(directory.path() / "log").append("line\n");
  CHECK(test::content(directory.path() / "target") == "target\nline\n");
  std::filesystem::permissions(directory.path(), std::filesystem::perms{01777});
  CHECK_THROWS_WITH(AppendFile(directory.path() / "log"),
                    Catch::StartsWith("ELOOP: opening " + (directory.path() / "log").string()));
  CHECK(test::content(directory.path() / "target") == "target\nline\n");
}

}  // namespace nicsentry::stream_test
