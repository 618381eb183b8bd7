// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "host/export/files/writer.h"

namespace nicsentry {

// Makes a writer of the earlier system's formats: dump_ddos/ and dump_crypto/ below the directory, depending on the
// profile.
std::unique_ptr<WindowWriter> make_seed_json_writer(Profile profile, const OutputPlace& place);
std::unique_ptr<WindowWriter> make_seed_csv_writer(Profile profile, const OutputPlace& place);

}  // namespace nicsentry
