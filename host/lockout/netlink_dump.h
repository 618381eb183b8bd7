// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace nicsentry {

// Asks the kernel for a list over netlink, in this thread's network namespace. `bus`: NETLINK_ROUTE or the like.
// `request`: the body that the type wants. Calls `take` with each message. Throws SystemError: reading `what`.
void netlink_dump(int bus, std::uint16_t type, std::span<const std::byte> request, const std::string& what,
                  const std::function<void(const nlmsghdr&)>& take);

}  // namespace nicsentry
