// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/client/http_client.h"

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>

#include "host/api/client/unread.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t append(const char* data, std::size_t /*one*/, std::size_t bytes, void* text) noexcept {
  try {
    static_cast<std::string*>(text)->append(data, bytes);
    return bytes;
  } catch (const std::exception&) {
    return 0;  // no memory: libcurl gives up
  }
}

// An option that this libcurl does not know is our mistake.
template <typename Value>
void set(CURL* handle, CURLoption option, Value value) {
  if (const CURLcode code = curl_easy_setopt(handle, option, value); code != CURLE_OK) {
    throw Error(std::string("setting up an HTTP request: ") + curl_easy_strerror(code));
  }
}

// A request under way, as curl shows it.
struct Course {
  const std::stop_token* stop = nullptr;
  int socket = -1;
  std::optional<SteadyClock::time_point> unread_since;
  std::string reason;  // for which it was given up
};

constexpr std::chrono::seconds kUnread{2};  // a controller that has a descriptor reads at once

int note_socket(void* self, curl_socket_t socket, curlsocktype /*purpose*/) noexcept {
  static_cast<Course*>(self)->socket = socket;
  return CURL_SOCKOPT_OK;
}

// curl calls this at least once a second. Another value than 0 ends the request.
int look_on(void* self, curl_off_t /*total*/, curl_off_t got, curl_off_t /*to_send*/, curl_off_t /*sent*/) noexcept {
  auto& course = *static_cast<Course*>(self);
  if (course.stop != nullptr && course.stop->stop_requested()) {
    return 1;
  }
  try {
    const auto reason = got == 0 && course.socket >= 0 ? why_unread(course.socket) : std::nullopt;
    if (!reason) {
      course.unread_since.reset();
      return 0;
    }
    course.unread_since = course.unread_since.value_or(SteadyClock::now());
    if (SteadyClock::now() - *course.unread_since < kUnread) {
      return 0;
    }
    course.reason = *reason;
    return 1;
  } catch (const std::exception&) {  // it cannot be looked at
    return 0;
  }
}

}  // namespace

HttpAnswer http_request(const std::string& socket, const std::string& method, const std::string& path,
                        const std::string& body, const ClientLimits& limits) {
  [[maybe_unused]] static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, EasyDeleter> handle(curl_easy_init());
  const std::unique_ptr<curl_slist, ListDeleter> headers(curl_slist_append(nullptr, "Content-Type: application/json"));
  if (handle == nullptr || headers == nullptr) {
    throw Error("setting up an HTTP request: out of memory");
  }
  HttpAnswer answer;
  Course course;
  course.stop = limits.stop;
  std::array<char, CURL_ERROR_SIZE> reason{};
  const std::string url = "http://localhost" + path;
  set(handle.get(), CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  set(handle.get(), CURLOPT_URL, url.c_str());
  set(handle.get(), CURLOPT_PATH_AS_IS, 1L);
  set(handle.get(), CURLOPT_PROXY, "");
  set(handle.get(), CURLOPT_NOSIGNAL, 1L);
  set(handle.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
  set(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  set(handle.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(limits.whole.count()));
  set(handle.get(), CURLOPT_ERRORBUFFER, reason.data());
  set(handle.get(), CURLOPT_SOCKOPTFUNCTION, &note_socket);
  set(handle.get(), CURLOPT_SOCKOPTDATA, static_cast<void*>(&course));
  set(handle.get(), CURLOPT_NOPROGRESS, 0L);
  set(handle.get(), CURLOPT_XFERINFOFUNCTION, &look_on);
  set(handle.get(), CURLOPT_XFERINFODATA, static_cast<void*>(&course));
  set(handle.get(), CURLOPT_WRITEFUNCTION, &append);
  set(handle.get(), CURLOPT_WRITEDATA, static_cast<void*>(&answer.body));
  if (!body.empty()) {
    set(handle.get(), CURLOPT_HTTPHEADER, headers.get());
    set(handle.get(), CURLOPT_POSTFIELDS, body.data());
    set(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  if (const CURLcode code = curl_easy_perform(handle.get()); code != CURLE_OK) {
    throw Unavailable("the controller at " + socket + " does not answer: " +
                      (!course.reason.empty() ? course.reason.c_str()
                       : reason[0] != '\0'    ? reason.data()
                                              : curl_easy_strerror(code)));
  }
  long status = 0;
  const char* content_type = nullptr;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle.get(), CURLINFO_CONTENT_TYPE, &content_type);
  answer.status = static_cast<unsigned>(status);
  answer.content_type = content_type != nullptr ? content_type : "";
  return answer;
}

}  // namespace nicsentry
