// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <stdexcept>
#include <string>

namespace nicsentry {

// Names what failed, on which object, and why, in words that a user can act on. Every failure in nicsentry is thrown as
// an Error.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The request is wrong: malformed, with an unknown field, or with a value that is not allowed.
class BadRequest : public Error {
 public:
  using Error::Error;
};

// The request names an object that does not exist.
class NotFound : public Error {
 public:
  using Error::Error;
};

// The request is not possible in the present state: a set that rules use, a chain that no program enforces.
class Conflict : public Error {
 public:
  using Error::Error;
};

// The state is not the one for which the request was made: somebody else has changed it.
class PreconditionFailed : public Error {
 public:
  using Error::Error;
};

// The request cannot be answered now, because the program is too busy or about to end. It may work later.
class Unavailable : public Error {
 public:
  using Error::Error;
};

// An Error that begins with the name of errno value `code` and ends with its meaning: "EPERM: loading 'ddos' on veth0:
// Operation not permitted". `detail`, if any, follows on more lines.
class SystemError : public Error {
 public:
  SystemError(int code, const std::string& what_was_tried, const std::string& detail = {});
  int code() const { return code_; }

 private:
  int code_;
};

}  // namespace nicsentry
