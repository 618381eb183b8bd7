// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/text_reading.h"

#include <cerrno>
#include <cstddef>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20U;
constexpr std::size_t kMostMebibytes = 256;

}  // namespace

std::string read_text(std::istream& input, const std::string& name) {
  std::string text;
  while (input) {
    const std::size_t before = text.size();
    if (before > kMostMebibytes * kPiece) {
      throw Error("reading " + name + ": it is larger than " + std::to_string(kMostMebibytes) + " MiB");
    }
    text.resize(before + kPiece);
    input.read(text.data() + before, static_cast<std::streamsize>(kPiece));
    text.resize(before + static_cast<std::size_t>(input.gcount()));
  }
  if (input.bad()) {
    throw SystemError(errno != 0 ? errno : EIO, "reading " + name);
  }
  return text;
}

}  // namespace nicsentry
