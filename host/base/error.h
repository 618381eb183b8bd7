// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <stdexcept>
#include <string>

namespace nicsentry {

// What failed, on what, and why, in words a user can act on. Every failure in nicsentry is thrown as one of these.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What a caller asked is wrong in itself: malformed, an unknown field, a value that is not allowed.
class BadRequest : public Error {
 public:
  using Error::Error;
};

// What a caller named does not exist.
class NotFound : public Error {
 public:
  using Error::Error;
};

// What a caller asked is not possible in the present state: a set that rules use, a chain that no program enforces.
class Conflict : public Error {
 public:
  using Error::Error;
};

// What a caller asked cannot be answered now: too busy, or about to end. It may work later.
class Unavailable : public Error {
 public:
  using Error::Error;
};

// An Error that begins with the name of errno value `code` and ends with its meaning:
// "EPERM: loading 'ddos' on veth0: Operation not permitted". `detail`, if any, follows: more lines of what was said.
class SystemError : public Error {
 public:
  SystemError(int code, const std::string& what_was_tried, const std::string& detail = {});
  int code() const { return code_; }

 private:
  int code_;
};

}  // namespace nicsentry
