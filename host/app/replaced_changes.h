// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/enforce/firewall.h"

namespace nicsentry {

// Notices what a reload of files takes away from those who have changed rules and sets by commands since. One thread at
// a time.
class ReplacedChanges {
 public:
  // What is in force now is the files'. Without a call all of it is of commands.
  void note(const Firewall& firewall);

  // What is in force before a reload.
  struct Before {
    std::array<std::shared_ptr<const ChainRules>, 2> chains;  // by Chain
    std::map<std::string, std::vector<AddressRange>> sets;    // that others than files have changed since
  };
  Before before(const Firewall& firewall) const;

  // After the reload: what of the changes since is gone, as "3 rules of ingress that had been added". Empty: nothing.
  std::string lost(const Before& before, const Firewall& firewall) const;

 private:
  std::array<std::shared_ptr<const ChainRules>, 2> chains_;
  std::map<std::string, std::uint64_t> sets_;  // digests of their entries
};

}  // namespace nicsentry
