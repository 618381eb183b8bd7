// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/capture_list.h"

#include <algorithm>
#include <system_error>

#include "host/base/error.h"
#include "host/capture/byte_reader.h"
#include "host/capture/byte_source.h"
#include "host/capture/classic_reader.h"
#include "host/capture/pcapng_reader.h"

namespace nicsentry {
namespace {

// A file that cannot be opened or decompressed is taken for a capture, so that the reading of it says why.
bool may_be_capture(const std::filesystem::path& path) {
  try {
    ByteReader reader(open_bytes(path));
    const auto first = reader.peek(4);
    return is_pcapng(first) || is_classic(first);
  } catch (const Error&) {
    return true;
  }
}

void add_directory(const std::filesystem::path& directory, CaptureList& list) {
  std::vector<std::filesystem::path> found;
  std::error_code failure;
  std::filesystem::directory_iterator entries(directory, failure);
  for (; !failure && entries != std::filesystem::directory_iterator(); entries.increment(failure)) {
    std::error_code gone;
    if (entries->is_regular_file(gone) && may_be_capture(entries->path())) found.push_back(entries->path());
  }
  if (failure) {
    list.failures.push_back("reading the directory " + directory.string() + ": " + failure.message());
  } else if (found.empty()) {
    list.failures.push_back(directory.string() + ": no capture in this directory");
  }
  std::sort(found.begin(), found.end());
  list.files.insert(list.files.end(), found.begin(), found.end());
}

}  // namespace

CaptureList list_captures(const std::vector<std::filesystem::path>& names) {
  CaptureList list;
  if (std::count(names.begin(), names.end(), kStandardInput) > 1) {
    throw Error("standard input ('-') can be read only once");
  }
  for (const auto& name : names) {
    std::error_code missing;
    if (name != kStandardInput && std::filesystem::is_directory(name, missing)) {
      add_directory(name, list);
    } else {
      list.files.push_back(name);
    }
  }
  return list;
}

}  // namespace nicsentry
