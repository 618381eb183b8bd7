// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/version_info.h"

#include "bpf_offload/types.h"
#include "host/base/version.h"
#include "host/datapath/libbpf_messages.h"
#include "host/enforce/firewall_state.h"

namespace nicsentry {

VersionInfo version_info() { return {version(), commit(), PROGRAM_ABI, kStateFormat, libbpf_version()}; }

}  // namespace nicsentry
