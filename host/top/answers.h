// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "host/api/json/live_json.h"
#include "host/api/json/live_query.h"
#include "host/top/snapshot.h"

namespace nicsentry::top {

SessionsQuery query_of(const Question& question);

// The run's answers as rows and rates.
Table table_of(const SessionsAnswer& answer);
std::vector<Attachment> attachments_of(const TrafficAnswer& answer);

}  // namespace nicsentry::top
