// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/output_files.h"

#include <sched.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>

#include "host/base/error.h"

namespace nicsentry::test {
namespace {

void must(int result, const char* what) {
  if (result != 0) throw SystemError(errno, what);
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "nicsentry-XXXXXX").string();
  must(::mkdtemp(name.data()) == nullptr ? -1 : 0, "making a temporary directory");
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (!file) throw Error("cannot write " + path.string());
}

std::vector<std::string> files_below(const std::filesystem::path& directory) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(directory).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void on_small_disk(std::size_t bytes, const std::function<void(const std::filesystem::path&)>& test) {
  const TemporaryDirectory directory;
  std::exception_ptr failure;
  std::thread([&] {
    try {
      // A mount namespace for this thread only. The mount ends with the thread.
      must(::unshare(CLONE_NEWNS), "making a mount namespace");
      must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private");
      const std::string size = "size=" + std::to_string(bytes);
      must(::mount("small", directory.path().c_str(), "tmpfs", 0, size.c_str()), "mounting a small tmpfs");
      test(directory.path());
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

void fill_up(const std::filesystem::path& filler) {
  std::ofstream file(filler, std::ios::binary | std::ios::app);
  const std::string page(4096, 'x');
  while (file) file << page << std::flush;
}

}  // namespace nicsentry::test
