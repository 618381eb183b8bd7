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
// `request`: the body that the type wants. Calls `take` with each message. A list that changes while it is read is read
// again, so that `take` may get an element more than once; one that goes on changing is taken as it is. Throws
// SystemError: reading `what`.
void netlink_dump(int bus, std::uint16_t type, std::span<const std::byte> request, const std::string& what,
                  const std::function<void(const nlmsghdr&)>& take);

// Asks for one thing, with attributes behind the body: calls `take` with the answer. False where the kernel answers
// with an error. Throws SystemError where it cannot be asked.
bool netlink_get(int bus, std::uint16_t type, std::span<const std::byte> request, const std::string& what,
                 const std::function<void(const nlmsghdr&)>& take);

}  // namespace nicsentry
