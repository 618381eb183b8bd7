// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/port_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "host/base/error.h"
#include "host/base/other_user.h"
#include "host/base/service_unit.h"
#include "host/datapath/pins.h"

namespace nicsentry {
namespace {

using nlohmann::json;

Owner parse_owner(const std::string& text) {
  return text == "run" ? Owner::run : text == "attach" ? Owner::attach : Owner::hand;
}

Hook parse_hook(const std::string& text) {
  return text == hook_name(Hook::tc_ingress)  ? Hook::tc_ingress
         : text == hook_name(Hook::tc_egress) ? Hook::tc_egress
                                              : Hook::xdp;
}

std::filesystem::path runtime_path() {
  const char* chosen = std::getenv("NICSENTRY_RUNTIME_DIR");
  return chosen != nullptr ? chosen : "/run/nicsentry";
}

std::filesystem::path claim_path(const std::filesystem::path& directory, const Interface& port) {
  return directory / (std::to_string(network_namespace()) + "-" + std::to_string(port.index) + ".json");
}

// The namespace in the name of a claim; nothing for another file.
std::optional<unsigned long> namespace_of_claim(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const char* end = name.data() + name.size();
  unsigned long space = 0;
  int index = 0;
  const auto first = std::from_chars(name.data(), end, space);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') {
    return std::nullopt;
  }
  const auto second = std::from_chars(first.ptr + 1, end, index);
  return second.ec == std::errc() && std::string_view(second.ptr, end) == ".json" ? std::optional(space) : std::nullopt;
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  off_t position = 0;
  while (true) {
    const ssize_t got = pread(fd, buffer.data(), buffer.size(), position);
    if (got <= 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(got));
    position += got;
  }
}

ClaimRecord record_of(const json& parsed) {
  ClaimRecord record;
  record.pid = parsed.value("pid", 0);
  record.socket = parsed.value("socket", "");
  record.port = parsed.value("port", "");
  for (const json& attachment : parsed.value("planes", json::array())) {
    record.attachments.push_back({parse_hook(attachment.value("hook", "")), parse_mode(attachment.value("mode", "drv")),
                                  attachment.value("program_id", 0U), parse_owner(attachment.value("owner", "")),
                                  attachment.value("made_qdisc", false), attachment.value("driven", true)});
  }
  return record;
}

// The record of an empty file, which its claimer has not written yet, or of a damaged one is empty.
ClaimRecord parse_record(const std::string& text) {
  try {
    const json parsed = json::parse(text, nullptr, false);
    return parsed.is_object() ? record_of(parsed) : ClaimRecord();
  } catch (const json::exception&) {  // a field of another type
    return {};
  } catch (const Error&) {  // a mode that there is not
    return {};
  }
}

// The kernel allows names of interfaces that are not UTF-8: what is not has U+FFFD in the record.
std::string format_record(const ClaimRecord& record) {
  json attachments = json::array();
  for (const AttachmentRecord& attachment : record.attachments) {
    attachments.push_back({{"hook", hook_name(attachment.hook)},
                           {"mode", mode_name(attachment.mode)},
                           {"program_id", attachment.program_id},
                           {"owner", owner_name(attachment.owner)},
                           {"made_qdisc", attachment.made_qdisc},
                           {"driven", attachment.driven}});
  }
  const json text{{"pid", record.pid}, {"port", record.port}, {"socket", record.socket}, {"planes", attachments}};
  return text.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

// Others could put a socket or a record of their own there.
void require_private(const std::filesystem::path& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    throw SystemError(errno, "looking at " + path.string());
  }
  if (!S_ISDIR(found.st_mode)) {
    throw Error("ENOTDIR: " + path.string() + " is not a directory");
  }
  if (found.st_uid != geteuid() && found.st_uid != 0) {
    throw Error("EPERM: directory " + path.string() + " belongs to user " + std::to_string(found.st_uid) +
                ", who could replace what nicsentry has in it; it must belong to root");
  }
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw Error("EPERM: directory " + path.string() + " can be written by other users; take that away: chmod go-w " +
                path.string());
  }
}

// `code`: the errno value. `owned`: what belongs to the user who may open it.
SystemError not_opened(int code, const std::filesystem::path& path, const std::filesystem::path& owned) {
  struct stat found {};
  const bool of_other = code == EACCES && stat(owned.c_str(), &found) == 0 && found.st_uid != geteuid();
  return {code, "opening " + path.string(), of_other ? needs_user(found.st_uid) : ""};
}

constexpr std::chrono::milliseconds kReading{1};

// A reader holds a shared lock for a moment, a claimer an exclusive one.
bool locked_by_readers(int fd) {
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
    return false;
  }
  flock(fd, LOCK_UN);
  return true;
}

// Whether a path still leads to the opened file: a claimer may have replaced or removed it.
bool is_at(const std::filesystem::path& path, int fd) {
  struct stat opened {};
  struct stat there {};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &there) == 0 && opened.st_ino == there.st_ino &&
         opened.st_dev == there.st_dev;
}

std::optional<PortRecord> read_record_at(const std::filesystem::path& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno != ENOENT) {
    throw not_opened(errno, path, path.parent_path());
  }
  if (!fd) {
    return std::nullopt;
  }
  PortRecord read{parse_record(read_all(fd.get())), false};
  read.running = flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
  return read;
}

// A range-for would throw what is no Error where the directory cannot be read on.
void for_each_claim(const std::filesystem::path& directory,
                    const std::function<void(const std::filesystem::path& path, unsigned long space)>& act) {
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    if (const auto space = namespace_of_claim(entry->path())) {
      act(entry->path(), *space);
    }
  }
  if (failure) {
    throw SystemError(failure.value(), "looking for runs in " + directory.string());
  }
}

Error busy(const Interface& port, const ClaimRecord& record) {
  return Error("EBUSY: " + port.name + " is watched already by nicsentry" +
               (record.pid != 0 ? ", process " + std::to_string(record.pid) + service_unit_of(record.pid)
                                : "; it is just starting or ending"));
}

}  // namespace

const char* owner_name(Owner owner) { return owner == Owner::run ? "run" : owner == Owner::attach ? "attach" : "hand"; }

std::filesystem::path runtime_directory() {
  std::filesystem::path path = runtime_path();
  if (mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    const int code = errno;
    throw SystemError(code, "making " + path.string(), code == EACCES && geteuid() != 0 ? needs_user(0) : "");
  }
  require_private(path);
  if (faccessat(AT_FDCWD, path.c_str(), R_OK | X_OK, AT_EACCESS) != 0) {
    throw not_opened(errno, path, path);
  }
  return path;
}

std::filesystem::path runtime_directory_to_drive() {
  try {
    return runtime_directory();
  } catch (const SystemError& error) {
    if (error.code() != EACCES || geteuid() == 0) {
      throw;
    }
    throw SystemError(
        EACCES, "opening the runtime directory " + runtime_path().string(),
        ": this needs root (sudo), or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON with a NICSENTRY_RUNTIME_DIR "
        "of this user");
  }
}

PortClaim::PortClaim(const Interface& port) : port_(port.name), path_(claim_path(runtime_directory_to_drive(), port)) {
  while (true) {
    fd_ = UniqueFd(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
    if (!fd_) {
      throw not_opened(errno, path_, path_.parent_path());
    }
    if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
      if (locked_by_readers(fd_.get())) {
        std::this_thread::sleep_for(kReading);
        continue;
      }
      if (is_at(path_, fd_.get())) {
        throw busy(port, parse_record(read_all(fd_.get())));
      }
      continue;  // the claimer has just replaced or removed the file
    }
    if (is_at(path_, fd_.get())) {
      const std::string text = read_all(fd_.get());
      found_ = parse_record(text);
      try {
        lease_.emplace(port, runtime_directory().string());
      } catch (...) {
        if (text.empty()) {
          erase();
        }
        throw;
      }
      write({getpid(), "", found_.attachments});
      return;
    }
  }
}

// The new file is locked before it has the name: a reader finds a whole record, another claimer a locked one.
void PortClaim::write(ClaimRecord record) {
  record.port = port_;
  const std::string text = format_record(record);
  const std::string draft = path_.string() + ".new";
  UniqueFd fd(open(draft.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!fd || flock(fd.get(), LOCK_EX | LOCK_NB) != 0 ||
      pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      rename(draft.c_str(), path_.c_str()) != 0) {
    throw SystemError(errno, "writing " + path_.string());
  }
  fd_ = std::move(fd);
}

void PortClaim::erase() { unlink(path_.c_str()); }

std::optional<PortRecord> read_port_record(const Interface& port) {
  return read_record_at(claim_path(runtime_directory(), port));
}

std::vector<NamespacedRecord> read_all_port_records() {
  std::vector<NamespacedRecord> records;
  std::error_code unknown;
  if (symlink_status(runtime_path(), unknown).type() == std::filesystem::file_type::not_found) {
    return records;
  }
  for_each_claim(runtime_directory(), [&records](const std::filesystem::path& path, unsigned long space) {
    if (auto read = read_record_at(path)) {
      records.push_back({space, std::move(*read)});
    }
  });
  return records;
}

// The namespaces are looked up first: that of a file that a claimer makes meanwhile is locked, or in the list.
void remove_vanished_records() {
  const auto living = living_namespaces();
  for_each_claim(runtime_directory(), [&living](const std::filesystem::path& path, unsigned long space) {
    if (living.may_include(space)) {
      return;
    }
    const UniqueFd fd(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && is_at(path, fd.get())) {
      unlink(path.c_str());
    }
  });
}

}  // namespace nicsentry
