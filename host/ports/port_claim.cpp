// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/port_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "host/base/error.h"

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

std::filesystem::path claim_path(const Interface& port) {
  return runtime_directory() / (std::to_string(network_namespace()) + "-" + std::to_string(port.index) + ".json");
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

// A record that cannot be read was left by a process that died while it wrote: it says nothing.
ClaimRecord parse_record(const std::string& text) {
  ClaimRecord record;
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) {
    return record;
  }
  record.pid = parsed.value("pid", 0);
  record.socket = parsed.value("socket", "");
  for (const json& attachment : parsed.value("planes", json::array())) {
    record.attachments.push_back({parse_hook(attachment.value("hook", "")), parse_mode(attachment.value("mode", "drv")),
                                  attachment.value("program_id", 0U), parse_owner(attachment.value("owner", "")),
                                  attachment.value("made_qdisc", false)});
  }
  return record;
}

std::string format_record(const ClaimRecord& record) {
  json attachments = json::array();
  for (const AttachmentRecord& attachment : record.attachments) {
    attachments.push_back({{"hook", hook_name(attachment.hook)},
                           {"mode", mode_name(attachment.mode)},
                           {"program_id", attachment.program_id},
                           {"owner", owner_name(attachment.owner)},
                           {"made_qdisc", attachment.made_qdisc}});
  }
  return json{{"pid", record.pid}, {"socket", record.socket}, {"planes", attachments}}.dump() + "\n";
}

}  // namespace

const char* owner_name(Owner owner) { return owner == Owner::run ? "run" : owner == Owner::attach ? "attach" : "hand"; }

std::filesystem::path runtime_directory() {
  const char* chosen = std::getenv("NICSENTRY_RUNTIME_DIR");
  std::filesystem::path path = chosen != nullptr ? chosen : "/run/nicsentry";
  if (mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw SystemError(errno, "making " + path.string());
  }
  return path;
}

PortClaim::PortClaim(const Interface& port) : path_(claim_path(port)) {
  while (true) {
    fd_ = UniqueFd(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!fd_) {
      throw SystemError(errno, "opening " + path_.string());
    }
    found_ = parse_record(read_all(fd_.get()));
    if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
      throw Error("EBUSY: " + port.name + " is watched already by nicsentry, process " + std::to_string(found_.pid));
    }
    // A claim that ended meanwhile has removed the file: then this lock is on nothing.
    struct stat mine {};
    struct stat there {};
    if (fstat(fd_.get(), &mine) == 0 && stat(path_.c_str(), &there) == 0 && mine.st_ino == there.st_ino) {
      found_ = parse_record(read_all(fd_.get()));
      return;
    }
  }
}

void PortClaim::write(const ClaimRecord& record) {
  const std::string text = format_record(record);
  if (ftruncate(fd_.get(), 0) != 0 ||
      pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    throw SystemError(errno, "writing " + path_.string());
  }
}

void PortClaim::erase() { unlink(path_.c_str()); }

std::optional<PortRecord> read_port_record(const Interface& port) {
  const UniqueFd fd(open(claim_path(port).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return std::nullopt;
  }
  PortRecord read{parse_record(read_all(fd.get())), false};
  read.running = flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
  return read;
}

}  // namespace nicsentry
