// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace nicsentry {

// The resources of a run's API, for server and client. A name in braces is a variable part (router.h).
namespace resource {

inline constexpr const char* kRules = "/api/v1/rules";                                         // GET
inline constexpr const char* kBatch = "/api/v1/rules/{chain}/batch";                           // POST
inline constexpr const char* kBatchDiff = "/api/v1/rules/{chain}/batch/diff";                  // POST
inline constexpr const char* kDefault = "/api/v1/rules/{chain}/default";                       // PUT
inline constexpr const char* kAcceptEstablished = "/api/v1/rules/{chain}/accept-established";  // PUT
inline constexpr const char* kUnjudged = "/api/v1/rules/{chain}/unjudged";                     // PUT
inline constexpr const char* kNonIp = "/api/v1/rules/{chain}/non-ip";                          // PUT
inline constexpr const char* kExplain = "/api/v1/rules/{chain}/explain";                       // POST
inline constexpr const char* kLimited = "/api/v1/rules/limited";                               // GET
inline constexpr const char* kResetCounters = "/api/v1/rules/reset-counters";                  // POST
inline constexpr const char* kConfirm = "/api/v1/rules/confirm";                               // POST
inline constexpr const char* kRevert = "/api/v1/rules/revert";                                 // POST
inline constexpr const char* kRuleset = "/api/v1/ruleset";                                     // GET, PUT
inline constexpr const char* kRulesetDiff = "/api/v1/ruleset/diff";                            // POST
inline constexpr const char* kConnections = "/api/v1/connections";                             // GET
inline constexpr const char* kSets = "/api/v1/sets";                                           // GET
inline constexpr const char* kSet = "/api/v1/sets/{name}";                                     // GET, PUT, DELETE
inline constexpr const char* kSetEntries = "/api/v1/sets/{name}/entries";                      // POST: adds
inline constexpr const char* kSetRemovals = "/api/v1/sets/{name}/removals";                    // POST: removes
inline constexpr const char* kSessions = "/api/v1/sessions";                       // GET: the open window so far
inline constexpr const char* kTraffic = "/api/v1/traffic";                         // GET: of the last hour
inline constexpr const char* kWindows = "/api/v1/windows";                         // POST: ends the open one
inline constexpr const char* kPrograms = "/api/v1/programs";                       // GET, POST: loads one
inline constexpr const char* kProgram = "/api/v1/programs/{name}";                 // GET, DELETE: unloads it
inline constexpr const char* kProgramMetrics = "/api/v1/programs/{name}/metrics";  // GET
inline constexpr const char* kStatus = "/api/v1/status";                           // GET
inline constexpr const char* kAccess = "/api/v1/access";                           // GET
inline constexpr const char* kVersion = "/api/v1/version";                         // GET

inline constexpr const char* kEvents = "/api/v1/events";  // GET: a stream
inline constexpr const char* kMetrics = "/metrics";       // GET
inline constexpr const char* kHealth = "/healthz";        // GET

}  // namespace resource

// The path of one such resource: `value`, percent-encoded (RFC 3986), in place of the variable part.
std::string path_of(std::string_view resource, std::string_view value);

// Percent-encodes a text (RFC 3986).
std::string encoded_segment(std::string_view text);
// Percent-decodes one segment of a path. Throws BadRequest where '%' is not followed by two hexadecimal digits.
std::string decoded_segment(std::string_view segment);

}  // namespace nicsentry
