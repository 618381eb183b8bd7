// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/run_client.h"

#include <charconv>
#include <exception>
#include <string_view>

#include "host/api/client/controller.h"
#include "host/api/client/find_controller.h"
#include "host/base/error.h"
#include "host/lockout/cut_off.h"
#include "host/rules/language/address_text.h"
#include "host/rules/sets/address_sets.h"
#include "host/top/answers.h"

namespace nicsentry::top {
namespace {

constexpr std::size_t kMinute_s = 60;
// A screen that stands still for longer says so.
constexpr std::chrono::milliseconds kConnect{2'000};
constexpr std::chrono::milliseconds kWhole{10'000};
constexpr std::chrono::milliseconds kWholeChange{150'000};  // as other commands wait

// "/run/nicsentry/controller-123.sock": 123.
int pid_in(std::string_view socket) {
  constexpr std::string_view kBefore = "controller-";
  const std::size_t at = socket.rfind(kBefore);
  int pid = 0;
  if (at != std::string_view::npos) {
    socket.remove_prefix(at + kBefore.size());
    std::from_chars(socket.data(), socket.data() + socket.size(), pid);
  }
  return pid;
}

std::string places_text(const Enforced& enforced) {
  std::string text;
  for (const auto* places : {&enforced.ingress, &enforced.egress}) {
    for (const EnforcedPlace& place : *places) {
      text += (text.empty() ? "" : ", ") + place.attachment + (place.failing ? " NOT: " + *place.failing : "");
    }
  }
  return text.empty() ? "; no program enforces it" : "; enforced on " + text;
}

std::string text_of(const std::string& address, const SetAddition& added) {
  if (!added.exempt.empty()) {
    return address + " is in the set '" + kAllowedSet + "' too: it is not blocked";
  }
  if (added.outlasting != 0) {
    return address + " was blocked already and keeps its later end";
  }
  return address + (added.changed != 0 ? " is blocked" : " was blocked already") + places_text(added.enforced);
}

std::string text_of(const std::string& address, const SetRemoval& removed) {
  if (!removed.staying.empty()) {
    return address + " is still blocked by " + removed.staying.front().second.text() +
           "; to unblock all of that: nicsentry unblock " + removed.staying.front().second.text();
  }
  return removed.changed != 0 ? address + " is not blocked any more" + places_text(removed.enforced)
                              : address + " is not in the set '" + kBlockedSet + "'";
}

}  // namespace

void RunClient::find() {
  if (socket_.empty()) {
    version_.clear();
    socket_ = find_controller(interface_, std::chrono::milliseconds::zero());
  }
}

Snapshot RunClient::ask(const Question& question, const std::stop_token& stop) {
  find();
  const Controller run(socket_, {kConnect, kWhole, &stop});
  if (version_.empty()) {
    version_ = run.version().version;
  }
  Snapshot now;
  now.table = table_of(run.sessions(query_of(question)));
  now.attachments = attachments_of(run.traffic(kMinute_s));
  now.status = run.status();
  now.version = version_;
  now.pid = pid_in(socket_);
  return now;
}

Reply RunClient::reply(const Question& question, const std::stop_token& stop) {
  Reply reply{question, std::nullopt, {}, {}};
  try {
    reply.snapshot = ask(question, stop);
  } catch (const BadRequest& refusal) {
    reply.refusal = refusal.what();
  } catch (const std::exception& failure) {
    socket_.clear();
    reply.failure = failure.what();
  }
  return reply;
}

ChangeResult RunClient::perform(const Change& change, const std::optional<std::chrono::nanoseconds>& lifetime,
                                const ChangeQuery& terms, const std::stop_token& stop) {
  ChangeResult result{change, false, false, {}};
  try {
    socket_.clear();  // by now it may be another run's
    find();
    const Controller run(socket_, {kConnect, kWholeChange, &stop});
    ChangeQuery query = terms;
    query.yes = change.yes;
    const AddressRange range = parse_address_range(change.address);
    if (change.kind == Change::Kind::block) {
      const SetAddition added = run.add_to_set(kBlockedSet, {{{range}}, lifetime, false}, query);
      result.done = added.exempt.empty();
      result.text = text_of(change.address, added);
    } else {
      const SetRemoval removed = run.remove_from_set(kBlockedSet, {{range}}, query);
      result.done = removed.changed != 0 && removed.staying.empty();
      result.text = text_of(change.address, removed);
    }
  } catch (const LockOut& refusal) {
    result.lock_out = true;
    result.text = refusal.what();
  } catch (const std::exception& failure) {
    result.text = failure.what();
  }
  return result;
}

}  // namespace nicsentry::top
