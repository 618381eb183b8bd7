// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace nicsentry {

// Whether any filter, of anybody, is on the clsact qdisc of an interface (RTM_GETTFILTER). Throws SystemError.
bool has_tc_filters(int interface_index);

// Removes the clsact qdisc of an interface with all its filters. Quiet when there is none.
void remove_clsact(int interface_index);

}  // namespace nicsentry
