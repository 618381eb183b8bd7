// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "host/api/access/rate_limit.h"
#include "host/api/access/token_file.h"
#include "host/api/server/gate.h"

namespace nicsentry {

// Judges the requests on a run's TCP listeners.
class AccessGate {
 public:
  struct Options {
    std::set<std::string> hosts;  // names of this server beside its addresses and localhost; in lower case
    bool open_read = false;       // clients on the loopback interface read without a token
    bool tls = false;
    std::function<void(const std::string&)> refused;  // why, and whose request
    std::function<void(const std::string&)> changed;  // whose token asks for what change
  };
  AccessGate(Options options, Tokens tokens);

  // The tokens that count from now on. Any thread.
  void use(Tokens tokens);

  // The answer to a request that is refused; nothing where it is let through. Any thread.
  std::optional<Response> judge(const Arrival& arrival);

  // What the client of a request that was let through may ask for. Any thread.
  Access role(const Arrival& arrival);

 private:
  std::optional<Response> refuse(const Arrival& arrival, unsigned status, const std::string& why) const;
  bool reads_freely(const Arrival& arrival) const;

  const Options options_;
  RateLimit rate_;
  std::mutex mutex_;
  std::shared_ptr<const Tokens> tokens_;
};

}  // namespace nicsentry
