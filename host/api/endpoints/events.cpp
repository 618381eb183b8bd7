// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/events.h"

#include <memory>
#include <string>
#include <vector>

#include "host/api/json/resources.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

// "kinds=window,log"; all where it is not given.
std::vector<EventKind> kinds_asked(const Request& request) {
  std::vector<EventKind> kinds(kEventKinds.begin(), kEventKinds.end());
  for (const auto& [name, value] : request.query) {
    if (name != "kinds") {
      throw BadRequest("read the parameter '" + name + "', allowed is kinds");
    }
    kinds.clear();
    std::string_view rest = value;
    for (bool more = true; more;) {
      const std::size_t comma = rest.find(',');
      more = comma != std::string_view::npos;
      const std::string_view word = rest.substr(0, comma);
      const auto kind = find_event_kind(word);
      if (!kind) {
        throw BadRequest("kinds: read '" + std::string(word) + "', allowed are window, log, block, rules and message");
      }
      kinds.push_back(*kind);
      rest.remove_prefix(more ? comma + 1 : rest.size());
    }
  }
  return kinds;
}

}  // namespace

void add_events_routes(Router& router, EventFeed& feed) {
  router.add_raw("GET", resource::kEvents, Lane::quick, [&feed](const Request& request) {
    Response response;
    response.content_type = "text/event-stream";
    const auto kinds = kinds_asked(request);
    if (request.method == "HEAD") {
      return response;
    }
    response.stream = feed.subscribe(kinds);
    if (response.stream == nullptr) {
      throw Unavailable(std::to_string(EventFeed::kMostReaders) + " readers have the events already; try again");
    }
    // So that the reader knows at once that it is connected.
    response.stream->offer(std::make_shared<const std::string>("retry: 2000\n\n"));
    return response;
  });
}

}  // namespace nicsentry
