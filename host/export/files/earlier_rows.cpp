// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/earlier_rows.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "host/base/directory.h"
#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {
namespace {

using FileBytes = std::uint64_t;

constexpr FileBytes kBlock = FileBytes{64} << 10;
constexpr FileBytes kLongestHeader = FileBytes{64} << 10;
constexpr FileBytes kLongestRow = FileBytes{1} << 20;
constexpr std::uint64_t kHighestNumber = std::numeric_limits<std::int64_t>::max();

// The digits that a text begins with, and where they end.
struct Number {
  std::uint64_t value = 0;
  std::size_t length = 0;
};
std::optional<Number> number_at_start(std::string_view text) {
  Number number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.value);
  if (error != std::errc() || number.value >= kHighestNumber) return std::nullopt;
  number.length = static_cast<std::size_t>(end - text.data());
  return number;
}

class OpenFile {
 public:
  OpenFile(const Directory& directory, const std::filesystem::path& path) : path_(path) {
    try {
      fd_ = directory.open(path.filename().string(), O_RDWR | O_NONBLOCK, 0, "continuing");
    } catch (const SystemError& error) {
      if (error.code() != ENOENT) throw;
    }
    struct stat status {};
    if (fd_ && fstat(fd_.get(), &status) != 0) throw SystemError(errno, "continuing " + path.string());
    if (fd_ && !S_ISREG(status.st_mode)) throw Error(path.string() + " is not a regular file: it cannot be continued");
    bytes_ = static_cast<FileBytes>(status.st_size);
  }

  bool exists() const { return bool{fd_}; }
  FileBytes bytes() const { return bytes_; }

  std::string read(FileBytes from, FileBytes to) const {
    std::string text(to - from, '\0');
    std::size_t have = 0;
    while (have < text.size()) {
      const ssize_t got = pread(fd_.get(), text.data() + have, text.size() - have, static_cast<off_t>(from + have));
      if (got < 0 && errno != EINTR) throw SystemError(errno, "reading " + path_.string());
      if (got == 0) break;  // it became shorter
      have += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    text.resize(have);
    return text;
  }

  void cut(FileBytes length) const {
    if (ftruncate(fd_.get(), static_cast<off_t>(length)) != 0) throw SystemError(errno, "cutting " + path_.string());
  }

 private:
  const std::filesystem::path& path_;
  UniqueFd fd_;
  FileBytes bytes_ = 0;
};

// With its line end; empty if there is none.
std::string first_line(const OpenFile& file) {
  const std::string begin = file.read(0, std::min(file.bytes(), kLongestHeader));
  const std::size_t end = begin.find('\n');
  return end == std::string::npos ? "" : begin.substr(0, end + 1);
}

// How much of the file consists of whole lines.
FileBytes whole_lines(const OpenFile& file) {
  for (FileBytes end = file.bytes(); end > 0;) {
    const FileBytes from = end - std::min(end, kBlock);
    const std::size_t line_end = file.read(from, end).rfind('\n');
    if (line_end != std::string::npos) return from + line_end + 1;
    end = from;
  }
  return 0;
}

struct LastRow {
  FileBytes end = 0;  // of the last whole row
  std::optional<std::uint64_t> window;
};

// The length of the whole row that a text begins with, its line end included; 0: there is none. A field of CSV may have
// line ends between quotes.
std::size_t whole_row(std::string_view text, std::size_t fields) {
  if (fields == 0) return text.find('\n') + 1;
  bool quoted = false;
  std::size_t seen = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    quoted = quoted != (text[i] == '"');
    if (quoted) continue;
    if (text[i] == '\n') return seen == fields ? i + 1 : 0;
    seen += text[i] == ',' ? 1 : 0;
  }
  return 0;
}

// A line that begins as a row does may also be the middle of one. The last one that is a whole row decides.
LastRow find_last_row(const OpenFile& file, const EarlierRows& rows) {
  const FileBytes end = whole_lines(file);
  const FileBytes from = end - std::min(end, kLongestRow);
  const std::string text = file.read(from, end);
  for (std::size_t line_end = text.size(); line_end > 0;) {
    const std::size_t before = line_end < 2 ? std::string::npos : text.rfind('\n', line_end - 2);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    const std::string_view rest = std::string_view(text).substr(begin);
    line_end = begin;
    if ((begin == 0 && from != 0) || !rest.starts_with(rows.before_window)) continue;
    const auto number = number_at_start(rest.substr(rows.before_window.size()));
    if (!number || rest.at(rows.before_window.size() + number->length) != ',') continue;
    if (const std::size_t length = whole_row(rest, rows.fields); length != 0) {
      return {from + begin + length, number->value};
    }
  }
  return {end, std::nullopt};
}

std::filesystem::path free_name(const std::filesystem::path& path) {
  for (unsigned number = 1;; ++number) {
    std::filesystem::path name = path;
    name += fmt::format(".old-{}", number);
    std::error_code unknown_is_taken;
    if (std::filesystem::symlink_status(name, unknown_is_taken).type() == std::filesystem::file_type::not_found) {
      return name;
    }
  }
}

}  // namespace

EarlierRows csv_rows(std::string header) {
  const auto fields = static_cast<std::size_t>(std::count(header.begin(), header.end(), ',')) + 1;
  return {"", fields, [header = std::move(header)](std::string_view line) { return line == header; }};
}

std::uint64_t continue_rows(const std::filesystem::path& path, const EarlierRows& rows, const OutputPlace& place) {
  if (place.earlier == EarlierFile::replaced) return 0;
  const Directory directory = directory_of(path);
  const OpenFile file(directory, path);
  if (!file.exists() || file.bytes() == 0) return 0;
  if (!rows.has_our_fields(first_line(file))) {
    const auto aside = free_name(path);
    directory.rename(path.filename().string(), aside.filename().string());
    place.warn(fmt::format("{} has other fields than this version writes: it is now {}", path.string(),
                           aside.filename().string()));
    return 0;
  }
  const LastRow last = find_last_row(file, rows);
  if (last.end != file.bytes()) {
    file.cut(last.end);
    place.warn(fmt::format("{}: {} bytes at its end were removed: a row that is not whole", path.string(),
                           file.bytes() - last.end));
  }
  return last.window ? *last.window + 1 : 0;
}

std::uint64_t next_file_number(const std::filesystem::path& directory, std::string_view before,
                               std::string_view after) {
  std::uint64_t next = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const std::size_t found = name.rfind(before);
    if (found == std::string::npos || !name.ends_with(after)) continue;
    const std::string_view rest = std::string_view(name).substr(found + before.size());
    const auto number = number_at_start(rest);
    if (number && number->length + after.size() == rest.size()) next = std::max(next, number->value + 1);
  }
  return next;
}

}  // namespace nicsentry
