// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/api/json/fields.h"

namespace nicsentry {

inline constexpr const char* kProblemMediaType = "application/problem+json";
// No route has the path, or the method for it: server and client are of different versions.
inline constexpr const char* kUnknownResource = "urn:nicsentry:problem:unknown-resource";

// The change would cut off what the host depends on: `errors` has a line each. With ?yes=true it is done all the same.
inline constexpr const char* kLockOutProblem = "urn:nicsentry:problem:lock-out";

// The error of a request (RFC 9457).
struct Problem {
  std::string type = "about:blank";
  std::string title;
  unsigned status = 500;
  std::string detail;
  std::vector<std::string> errors;  // each error of a batch, or what is cut off
};

nlohmann::ordered_json encode(const Problem& problem);
template <>
Problem decode(const nlohmann::json& answer);

}  // namespace nicsentry
