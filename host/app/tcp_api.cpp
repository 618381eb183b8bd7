// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/tcp_api.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <functional>
#include <utility>

#include "host/api/server/page_check.h"
#include "host/api/server/tls_identity.h"
#include "host/app/log_limiter.h"
#include "host/base/error.h"
#include "host/base/wall_clock.h"

namespace nicsentry {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};
constexpr std::uint64_t kAccessMessages = 10;  // a second

bool same(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

std::string url_of_address(const Endpoint& address, std::uint16_t port, bool tls) {
  const std::string host = address.address.version == 4 ? address.address.text() : "[" + address.address.text() + "]";
  return std::string(tls ? "https" : "http") + "://" + host + ":" + std::to_string(port);
}

// Messages of strangers' making: a few a second.
std::function<void(const std::string&)> limited(const std::function<void(const std::string&)>& say) {
  struct Limited {
    std::mutex mutex;
    LogLimiter limiter{kAccessMessages};
  };
  return [say, limited = std::make_shared<Limited>()](const std::string& text) {
    const std::lock_guard lock(limited->mutex);
    if (limited->limiter.take(wall_clock_ns())) {
      const std::uint64_t more = limited->limiter.take_left_out();
      say(text + (more == 0 ? "" : "; " + std::to_string(more) + " earlier ones are not in the log"));
    }
  };
}

}  // namespace

void check_listen_options(const ListenOptions& options) {
  if (options.addresses.empty()) {
    if (options.token_file || options.open_read || !options.hosts.empty() || options.tls_certificate ||
        options.tls_key || options.insecure) {
      throw BadRequest("--token-file, --open-read, --host, --tls-cert, --tls-key and --insecure are for --listen");
    }
    return;
  }
  if (options.tls_certificate.has_value() != options.tls_key.has_value()) {
    throw BadRequest("--tls-cert and --tls-key belong together");
  }
  if (!options.token_file && !options.open_read) {
    throw BadRequest("--listen: nobody could ask; allowed is with --token-file, or with --open-read");
  }
  for (const Endpoint& address : options.addresses) {
    if (!is_loopback(address.address) && !options.tls_certificate && !options.insecure) {
      throw BadRequest("--listen " + address.address.text() +
                       ": beyond the loopback interface tokens would be read on the way; use --tls-cert and "
                       "--tls-key, or --insecure");
    }
    if (!is_loopback(address.address) && !options.token_file) {
      throw BadRequest("--listen " + address.address.text() +
                       ": --open-read is for the loopback interface; a --token-file is needed");
    }
  }
}

void check_listen_files(const ListenOptions& options) {
  if (options.token_file) {
    read_token_file(*options.token_file);
  }
  if (options.tls_certificate && options.tls_key) {
    tls_identity::use(*options.tls_certificate, *options.tls_key);
  }
}

TcpApi::TcpApi(HttpServer& server, const ListenOptions& options, const Messages& messages)
    : options_(options), messages_(messages) {
  if (options.addresses.empty()) {
    return;
  }
  const bool tls = options.tls_certificate.has_value();
  if (tls) {
    tls_identity::use(*options.tls_certificate, *options.tls_key);
  }
  AccessGate::Options access;
  for (std::string host : options.hosts) {
    std::transform(host.begin(), host.end(), host.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    access.hosts.insert(std::move(host));
  }
  access.open_read = options.open_read;
  access.tls = tls;
  access.refused = limited(messages.info);
  access.changed = messages.info;
  gate_ = std::make_shared<AccessGate>(std::move(access),
                                       options.token_file ? read_token_file(*options.token_file) : Tokens{});
  for (const Endpoint& address : options.addresses) {
    const std::uint16_t port =
        server.listen_tcp(address, {[gate = gate_](const Arrival& arrival) { return gate->judge(arrival); }, nullptr,
                                    tls, [gate = gate_](const Arrival& arrival) { return gate->role(arrival); }});
    messages.info("the API answers at " + url_of_address(address, port, tls));
    if (!tls && !is_loopback(address.address)) {
      messages.warning("--insecure: whoever is on the way to " + address.address.text() + " can read the tokens");
    }
  }
  thread_ = std::thread([this] { watch(); });
}

TcpApi::~TcpApi() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void TcpApi::reload() {
  {
    const std::lock_guard lock(mutex_);
    reload_ = true;
  }
  changed_.notify_all();
}

std::map<std::filesystem::path, TcpApi::Stamp> TcpApi::stamps() const {
  std::map<std::filesystem::path, Stamp> stamps;
  for (const auto& file : {options_.token_file, options_.tls_certificate, options_.tls_key}) {
    struct stat status {};
    if (file && stat(file->c_str(), &status) == 0) {
      stamps[*file] = {status.st_ino, status.st_size, status.st_mtim};
    }
  }
  return stamps;
}

void TcpApi::watch() {
  auto known = stamps();
  std::unique_lock lock(mutex_);
  while (!ending_) {
    changed_.wait_for(lock, kBetweenLooks, [this] { return ending_ || reload_; });
    const bool asked = std::exchange(reload_, false);
    lock.unlock();
    auto now = stamps();
    const bool differ = now.size() != known.size() ||
                        !std::equal(now.begin(), now.end(), known.begin(), [](const auto& a, const auto& b) {
                          return a.first == b.first && a.second.inode == b.second.inode &&
                                 a.second.size == b.second.size && same(a.second.changed, b.second.changed);
                        });
    if (asked || differ) {
      read_again();
      known = std::move(now);
    }
    lock.lock();
  }
}

void TcpApi::read_again() {
  try {
    if (options_.token_file) {
      gate_->use(read_token_file(*options_.token_file));
    }
    if (options_.tls_certificate) {
      tls_identity::use(*options_.tls_certificate, *options_.tls_key);
    }
    messages_.info("the API's tokens and certificate were read again");
  } catch (const Error& error) {
    messages_.warning(std::string(error.what()) + "; what counted before goes on to count");
  }
}

}  // namespace nicsentry
