// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/http_server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "host/api/json/resources.h"
#include "host/api/server/acceptor.h"
#include "host/api/server/event_stream.h"
#include "host/api/server/gate.h"
#include "host/api/server/lanes.h"
#include "host/api/server/page_check.h"
#include "host/api/server/problem.h"
#include "host/api/server/tls_identity.h"
#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/base/unique_fd.h"

namespace nicsentry {
namespace {

constexpr std::size_t kQuickThreads = 4;
constexpr std::size_t kSlowThreads = 2;
constexpr std::size_t kScrapeThreads = 2;
constexpr std::size_t kMostWaiting = 64;  // requests, in each lane
constexpr int kBacklog = 64;
constexpr std::size_t kMostArguments = 64;  // of a query
// A connection's memory has the header, libmicrohttpd's table of its lines, and the answer's header. Only what is used
// of it takes pages.
constexpr std::size_t kMemoryForHeader = 4;  // times its limit

struct DaemonDeleter {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};

// One request, from its first header to its answer. Owned by libmicrohttpd's connection (con_cls).
struct Exchange {
  MHD_Connection* connection = nullptr;
  Request request;
  std::string query;  // percent-encoded
  bool begun = false;
  std::string body;
  std::size_t body_bytes = 0;
  std::optional<Router::Match> match;
  Response response;
  bool refused = false;      // `response` is the answer already
  bool answered = false;     // written by a lane's thread before it resumes the connection
  bool handed_over = false;  // to a lane
};

struct StreamReader {
  std::shared_ptr<EventStream> stream;
  MHD_Connection* connection = nullptr;
};

ssize_t read_stream(void* self, std::uint64_t /*position*/, char* to, std::size_t most) noexcept {
  const auto& reader = *static_cast<StreamReader*>(self);
  for (;;) {
    if (const std::size_t count = reader.stream->take(to, most); count != 0) {
      return static_cast<ssize_t>(count);
    }
    if (reader.stream->ended()) {
      return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (reader.stream->wait_for_more([&reader] { MHD_suspend_connection(reader.connection); })) {
      return 0;
    }
  }
}

void end_reader(void* self) noexcept {
  const std::unique_ptr<StreamReader> reader(static_cast<StreamReader*>(self));
  reader->stream->set_wake(nullptr);
}

// A connection that waits for events is suspended: it costs no thread, and is resumed by the next event.
MHD_Response* stream_response(MHD_Connection* connection, const std::shared_ptr<EventStream>& stream) {
  constexpr std::size_t kBlock = 4096;
  constexpr unsigned kStandstill = 120;  // seconds
  auto reader = std::make_unique<StreamReader>(StreamReader{stream, connection});
  stream->set_wake([connection] { MHD_resume_connection(connection); });
  MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, kStandstill);
  MHD_Response* response =
      MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kBlock, &read_stream, reader.get(), &end_reader);
  if (response != nullptr) {
    static_cast<void>(reader.release());
  }
  return response;
}

MHD_Result send(MHD_Connection* connection, const Response& answer, MHD_ResponseMemoryMode body) {
  MHD_Response* response =
      answer.stream != nullptr
          ? stream_response(connection, answer.stream)
          : MHD_create_response_from_buffer(answer.body.size(), const_cast<char*>(answer.body.data()), body);
  if (response == nullptr) {
    return MHD_NO;
  }
  for (const auto& [name, value] : answer.headers) {
    MHD_add_response_header(response, name.c_str(), value.c_str());
  }
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type.c_str());
  if (MHD_get_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL) == nullptr) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  }
  if (!answer.allow.empty()) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer.allow.c_str());
  }
  const MHD_Result queued = MHD_queue_response(connection, answer.status, response);
  MHD_destroy_response(response);
  return queued;
}

// By the Content-Length header; 0 where there is none, or one that libmicrohttpd refuses itself.
std::size_t announced_bytes(MHD_Connection* connection) {
  const char* text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  std::size_t bytes = 0;
  if (text != nullptr) {
    const std::string_view digits(text);
    std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  }
  return bytes;
}

int socket_of(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == nullptr ? -1 : info->connect_fd;
}

std::optional<pid_t> caller_of(MHD_Connection* connection) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  const bool known = getsockopt(socket_of(connection), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  return known && peer.pid > 0 ? std::optional(peer.pid) : std::nullopt;
}

// Names and values of a form: '+' is a space (application/x-www-form-urlencoded).
std::string decoded_argument(std::string text) {
  std::replace(text.begin(), text.end(), '+', ' ');
  return decoded_segment(text);
}

std::vector<std::string_view> arguments_of(std::string_view query) {
  std::vector<std::string_view> arguments;
  while (!query.empty()) {
    const std::string_view argument = query.substr(0, query.find('&'));
    if (!argument.empty()) {
      arguments.push_back(argument);
    }
    query.remove_prefix(std::min(argument.size() + 1, query.size()));
  }
  return arguments;
}

// Throws BadRequest.
std::map<std::string, std::string> parse_query(std::string_view query) {
  const std::vector<std::string_view> arguments = arguments_of(query);
  if (arguments.size() > kMostArguments) {
    throw BadRequest("query: read " + std::to_string(arguments.size()) + " arguments, allowed are " +
                     std::to_string(kMostArguments));
  }
  std::map<std::string, std::string> parsed;
  for (const std::string_view argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string name = decoded_argument(std::string(argument.substr(0, equals)));
    const std::string value =
        equals == std::string_view::npos ? "" : decoded_argument(std::string(argument.substr(equals + 1)));
    if (!parsed.emplace(name, value).second) {
      parsed[name + ", a second time"];  // which of them is meant, nobody knows
    }
  }
  return parsed;
}

void read_query(Exchange& exchange) {
  try {
    exchange.request.query = parse_query(exchange.query);
  } catch (const Error& error) {
    exchange.response = problem(error);
    exchange.refused = true;
  }
}

std::vector<std::string> header_values(MHD_Connection* connection, const std::string& name) {
  struct Wanted {
    const std::string& name;
    std::vector<std::string> values;
  } wanted{name, {}};
  MHD_get_connection_values(
      connection, MHD_HEADER_KIND,
      [](void* self, MHD_ValueKind /*kind*/, const char* header, const char* value) {
        auto& found = *static_cast<Wanted*>(self);
        if (strcasecmp(found.name.c_str(), header) == 0) {
          found.values.emplace_back(value == nullptr ? "" : value);
        }
        return MHD_YES;
      },
      &wanted);
  return wanted.values;
}

bool is_forwarded(MHD_Connection* connection) {
  bool found = false;
  MHD_get_connection_values(
      connection, MHD_HEADER_KIND,
      [](void* self, MHD_ValueKind /*kind*/, const char* header, const char* /*value*/) {
        constexpr const char* kPrefix = "X-Forwarded-";
        for (const char* name : {"Forwarded", "Via", "X-Real-IP"}) {
          *static_cast<bool*>(self) = *static_cast<bool*>(self) || strcasecmp(name, header) == 0;
        }
        *static_cast<bool*>(self) =
            *static_cast<bool*>(self) || strncasecmp(kPrefix, header, std::strlen(kPrefix)) == 0;
        return MHD_YES;
      },
      &found);
  return found;
}

// The values of a header that stands in several lines (RFC 9110, 5.3).
std::string joined(const std::vector<std::string>& values) {
  std::string all;
  for (const std::string& value : values) {
    all += (all.empty() ? "" : ", ") + value;
  }
  return all;
}

Endpoint endpoint_of(const sockaddr_storage& storage) {
  Endpoint end;
  if (storage.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &storage, sizeof(address));
    std::memcpy(end.address.bytes.data(), &address.sin_addr, sizeof(address.sin_addr));
    end.port = ntohs(address.sin_port);
    return end;
  }
  sockaddr_in6 address{};
  std::memcpy(&address, &storage, sizeof(address));
  end.port = ntohs(address.sin6_port);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&address.sin6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
    constexpr std::size_t kMappedPrefix = 12;
    std::copy(bytes + kMappedPrefix, bytes + sizeof(address.sin6_addr), end.address.bytes.begin());
    return end;
  }
  std::copy(bytes, bytes + sizeof(address.sin6_addr), end.address.bytes.begin());
  end.address.version = 6;
  return end;
}

socklen_t write_address(const Endpoint& end, sockaddr_storage& storage) {
  if (end.address.version == 4) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(end.port);
    std::memcpy(&address.sin_addr, end.address.bytes.data(), sizeof(address.sin_addr));
    std::memcpy(&storage, &address, sizeof(address));
    return sizeof(address);
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(end.port);
  std::memcpy(&address.sin6_addr, end.address.bytes.data(), sizeof(address.sin6_addr));
  std::memcpy(&storage, &address, sizeof(address));
  return sizeof(address);
}

// Nothing for a Unix socket, and where the connection has gone already.
std::optional<ConnectionEnds> ends_of(MHD_Connection* connection) {
  const int fd = socket_of(connection);
  sockaddr_storage local{};
  sockaddr_storage remote{};
  socklen_t local_size = sizeof(local);
  socklen_t remote_size = sizeof(remote);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_size) != 0 ||
      getpeername(fd, reinterpret_cast<sockaddr*>(&remote), &remote_size) != 0 || local.ss_family == AF_UNIX) {
    return std::nullopt;
  }
  return ConnectionEnds{endpoint_of(local), endpoint_of(remote)};
}

Response answer_of(Exchange& exchange) {
  try {
    if (exchange.match->raw != nullptr) {
      exchange.request.text.swap(exchange.body);
      return (*exchange.match->raw)(exchange.request);
    }
    if (!exchange.body.empty()) {
      try {
        exchange.request.body = parse_json(exchange.body);
      } catch (const Error& error) {
        throw BadRequest(error.what());
      }
    }
    Response response;
    response.body = (*exchange.match->handler)(exchange.request)
                        .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    return response;
  } catch (const std::exception& error) {
    return problem(error);
  }
}

bool somebody_listens(const sockaddr_un& address) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return fd && (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
                errno == EAGAIN);  // EAGAIN: its queue is full
}

UniqueFd unix_listener(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    throw SystemError(ENAMETOOLONG, "opening the socket " + path);
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    throw SystemError(errno, "opening the socket " + path);
  }
  if (somebody_listens(address)) {
    throw SystemError(EADDRINUSE, "opening the socket " + path);
  }
  unlink(path.c_str());  // a dead controller's
  const mode_t former = umask(S_IRWXG | S_IRWXO | S_IXUSR);
  const bool bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const int failure = errno;
  umask(former);
  if (!bound || listen(fd.get(), kBacklog) != 0) {
    throw SystemError(bound ? errno : failure, "opening the socket " + path);
  }
  return fd;
}

std::string refusal_without_descriptor() {
  const std::string process = std::to_string(getpid());
  const Response answer = problem(503, "process " + process + " has no free file descriptor (prlimit --nofile --pid " +
                                           process + "); try again when it has one");
  return "HTTP/1.1 503 Service Unavailable\r\nContent-Type: " + answer.content_type +
         "\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: " + std::to_string(answer.body.size()) +
         "\r\n\r\n" + answer.body;
}

// The router decodes: a '/' that is encoded is part of a name.
std::size_t keep_encoded(void* /*self*/, MHD_Connection* /*connection*/, char* text) { return std::strlen(text); }

}  // namespace

// The object that libmicrohttpd gives back with each call.
struct HttpServer::Listener {
  State* state = nullptr;
  Gate gate;  // without functions: every client is let through
  bool is_unix = false;
  unsigned strangers = 0;  // connections of clients that the gate does not know; of the daemon's thread
  std::map<IpAddress, unsigned> clients{};  // connections of each; likewise
  std::unique_ptr<Acceptor> acceptor{};
};

struct HttpServer::State {
  State(const Router& routes, const ServerLimits& allowed) : router(routes), limits(allowed) {}

  static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url, const char* method,
                               const char* /*version*/, const char* data, std::size_t* size, void** context) noexcept {
    const auto& listener = *static_cast<const Listener*>(self);
    State& state = *listener.state;
    try {
      if (*context == nullptr) {  // no memory
        return MHD_NO;
      }
      auto& exchange = *static_cast<Exchange*>(*context);
      return exchange.begun ? state.go_on(exchange, data, *size)
                            : state.begin(listener, connection, url, method, exchange);
    } catch (const std::exception&) {  // no memory: the connection is closed
      return MHD_NO;
    }
  }

  // Cuts the query off before libmicrohttpd (0.9.75) parses it: where its arguments do not fit into the connection's
  // memory, it sends no answer. The buffer is its own, and may be written.
  static void* on_target(void* /*self*/, const char* target, MHD_Connection* /*connection*/) noexcept {
    try {
      auto exchange = std::make_unique<Exchange>();
      if (char* query = std::strchr(const_cast<char*>(target), '?'); query != nullptr) {
        exchange->query = query + 1;
        query[0] = '\0';
        query[exchange->query.empty() ? 0 : 1] = '\0';  // it has found the '?' already
      }
      return exchange.release();
    } catch (const std::exception&) {  // no memory: the connection is closed
      return nullptr;
    }
  }

  // Strangers beyond their number are cut off, so that they do not keep the connections from others, and so are
  // connections of one address beyond theirs.
  static void on_connection(void* self, MHD_Connection* connection, void** context,
                            MHD_ConnectionNotificationCode what) noexcept {
    auto& listener = *static_cast<Listener*>(self);
    try {
      if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        listener.state->forget(connection);
        forget_client(listener, std::unique_ptr<Client>(static_cast<Client*>(*context)).get());
        listener.acceptor->ended();
        return;
      }
      listener.acceptor->started();
      listener.state->set_deadline(connection, listener.state->limits.header);
      if (has_gate(listener) && !note_client(listener, connection, context)) {
        shutdown(socket_of(connection), SHUT_RDWR);
      }
    } catch (const std::exception&) {  // no memory
      shutdown(socket_of(connection), SHUT_RDWR);
    }
  }

  static bool has_gate(const Listener& listener) {
    return listener.gate.refusal != nullptr || listener.gate.knows != nullptr;
  }

  // Of a connection to a listener with a gate.
  struct Client {
    std::optional<IpAddress> address;
    bool stranger = false;
  };

  // False where it is one too many.
  static bool note_client(Listener& listener, MHD_Connection* connection, void** context) {
    auto client = std::make_unique<Client>();
    const auto ends = ends_of(connection);
    client->stranger = !is_known(listener, connection);
    listener.strangers += client->stranger ? 1 : 0;
    bool fits = !client->stranger || listener.strangers <= listener.state->limits.strangers;
    if (ends) {
      client->address = ends->remote.address;
      fits = ++listener.clients[ends->remote.address] <= listener.state->limits.per_client && fits;
    }
    *context = client.release();
    return fits;
  }

  static void forget_client(Listener& listener, const Client* client) {
    if (client == nullptr) {
      return;
    }
    listener.strangers -= client->stranger ? 1 : 0;
    const auto found = client->address ? listener.clients.find(*client->address) : listener.clients.end();
    if (found != listener.clients.end() && --found->second == 0) {
      listener.clients.erase(found);
    }
  }

  void set_deadline(MHD_Connection* connection, std::optional<std::chrono::seconds> time) {
    const std::lock_guard lock(deadlines_mutex);
    deadlines[connection] = {socket_of(connection), time ? Clock::now() + *time : Clock::time_point::max()};
  }

  // Before libmicrohttpd closes its descriptor.
  void forget(MHD_Connection* connection) {
    const std::lock_guard lock(deadlines_mutex);
    deadlines.erase(connection);
  }

  // Cuts off clients that are slower than they may be, however little they send. libmicrohttpd has a limit only for
  // those that stand still.
  void cut_off_slow() {
    std::unique_lock lock(deadlines_mutex);
    while (!stopping) {
      const auto now = Clock::now();
      for (auto& [connection, deadline] : deadlines) {
        if (deadline.until <= now) {
          shutdown(deadline.fd, SHUT_RDWR);
          deadline.until = Clock::time_point::max();
        }
      }
      ended.wait_for(lock, std::chrono::milliseconds(500));
    }
  }

  void stop_cutting_off() {
    {
      const std::lock_guard lock(deadlines_mutex);
      stopping = true;
    }
    ended.notify_all();
    if (cutter.joinable()) {
      cutter.join();
    }
  }

  static bool is_known(const Listener& listener, MHD_Connection* connection) noexcept {
    if (!listener.gate.knows) {
      return true;
    }
    try {
      const auto ends = ends_of(connection);
      return ends && listener.gate.knows(ends->local, ends->remote);
    } catch (const std::exception&) {  // it cannot be asked
      return false;
    }
  }

  MHD_Result go_on(Exchange& exchange, const char* data, std::size_t& size) {
    if (size != 0) {
      if (!take_body(exchange, {data, size})) {
        return MHD_NO;  // closes the connection: an answer would have to wait for the body's end
      }
      size = 0;
      return MHD_YES;
    }
    if (exchange.refused || exchange.answered) {
      set_deadline(exchange.connection, exchange.response.stream ? std::nullopt : std::optional(limits.answer));
      return send(exchange.connection, exchange.response, MHD_RESPMEM_PERSISTENT);  // the exchange stays until then
    }
    hand_over(exchange);
    return MHD_YES;  // suspended: this is called again when there is an answer
  }

  static void on_completed(void* self, MHD_Connection* connection, void** context,
                           MHD_RequestTerminationCode why) noexcept {
    const std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(*context));
    *context = nullptr;
    State& state = *static_cast<const Listener*>(self)->state;
    if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
      try {
        state.set_deadline(connection, state.limits.idle + state.limits.header);  // for the next request
      } catch (const std::exception&) {                                           // no memory: it is known already
      }
    }
    if (exchange == nullptr) {
      return;
    }
    const std::lock_guard lock(state.mutex);
    state.body_bytes -= exchange->body.size() + exchange->request.text.size();
    if (exchange->handed_over && --state.under_way == 0) {
      state.idle.notify_all();
    }
  }

  // The header is whole. A body that is announced as too large is refused before it comes.
  MHD_Result begin(const Listener& listener, MHD_Connection* connection, const char* url, const char* method,
                   Exchange& exchange) {
    set_deadline(connection, limits.body);
    exchange.begun = true;
    exchange.connection = connection;
    exchange.request.method = method;
    exchange.request.path = url;
    exchange.match = router.find(exchange.request.method, exchange.request.path, exchange.response);
    exchange.refused = !exchange.match;
    if (refuse_by_gate(listener, exchange)) {  // of a stranger's body nothing is read
      return send(connection, exchange.response, MHD_RESPMEM_MUST_COPY);
    }
    if (const auto refusal = refuse_by_header(connection)) {
      return send(connection, *refusal, MHD_RESPMEM_MUST_COPY);
    }
    if (!exchange.refused) {
      exchange.request.captures = exchange.match->captures;
      exchange.request.caller = caller_of(connection);
      exchange.request.connection = ends_of(connection);
      if (const auto tags = header_values(connection, MHD_HTTP_HEADER_IF_MATCH); !tags.empty()) {
        exchange.request.if_match = joined(tags);
      }
      exchange.request.if_none_match = joined(header_values(connection, MHD_HTTP_HEADER_IF_NONE_MATCH));
      exchange.request.accept = joined(header_values(connection, MHD_HTTP_HEADER_ACCEPT));
      read_query(exchange);
    }
    return MHD_YES;
  }

  // Nothing, or the answer that is given before the body comes.
  std::optional<Response> refuse_by_header(MHD_Connection* connection) const {
    const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info != nullptr && info->header_size > limits.header_bytes) {
      return problem(431, "a header may have " + std::to_string(limits.header_bytes) + " bytes");
    }
    // A proxy before us could have taken another one for the body's end (RFC 9112, 6.3).
    const auto lengths = header_values(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (lengths.size() > 1 ||
        (!lengths.empty() && !header_values(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).empty())) {
      return problem(400, "the length of the body is said twice; allowed is one Content-Length or Transfer-Encoding");
    }
    if (announced_bytes(connection) > limits.body_bytes) {
      return problem(413, "a body may have " + std::to_string(limits.body_bytes) + " bytes");
    }
    return std::nullopt;
  }

  static Arrival arrival_of(Exchange& exchange, const ConnectionEnds& ends) {
    MHD_Connection* connection = exchange.connection;
    return {ends.local,
            ends.remote,
            header_values(connection, MHD_HTTP_HEADER_HOST),
            header_values(connection, MHD_HTTP_HEADER_ORIGIN),
            header_values(connection, "Sec-Fetch-Site"),
            header_values(connection, MHD_HTTP_HEADER_AUTHORIZATION),
            is_forwarded(connection),
            exchange.match ? exchange.match->access : Access::read,
            exchange.request.method,
            exchange.request.path,
            &exchange.request.token};
  }

  static bool refuse_by_gate(const Listener& listener, Exchange& exchange) {
    MHD_Connection* connection = exchange.connection;
    std::optional<Response> refusal;
    if (listener.is_unix) {
      if (const auto why = refusal_of_forwarded_page(arrival_of(exchange, {}))) {
        refusal = problem(403, *why);
      }
    }
    if (listener.gate.refusal) {
      if (const auto ends = ends_of(connection)) {
        const Arrival arrival = arrival_of(exchange, *ends);
        refusal = listener.gate.refusal(arrival);
        if (!refusal && listener.gate.role) {
          exchange.request.role = listener.gate.role(arrival);
        }
      }
    }
    // Once the client has gone, its port can be another one's: the gate may have judged that one.
    if (!refusal && listener.gate.refusal && !ends_of(connection)) {
      refusal = problem(403, "the client has gone");
    }
    if (refusal) {
      exchange.response = std::move(*refusal);
      exchange.refused = true;
    }
    return refusal.has_value();
  }

  // Listens with a socket that is bound already.
  void serve(UniqueFd fd, Gate gate, const std::string& what, bool is_unix = false);

  // Keeps nothing of a request that is refused already. False beyond the limit of one body.
  bool take_body(Exchange& exchange, std::string_view part) {
    exchange.body_bytes += part.size();
    if (exchange.body_bytes > limits.body_bytes) {
      return false;
    }
    if (exchange.refused) {
      return true;
    }
    const std::lock_guard lock(mutex);
    if (body_bytes + part.size() > limits.bodies_bytes) {
      exchange.response = problem(503, "too many large requests at once; try again");
      exchange.refused = true;
    } else {
      exchange.body.append(part);
      body_bytes += part.size();
    }
    return true;
  }

  void hand_over(Exchange& exchange) {
    exchange.handed_over = true;
    set_deadline(exchange.connection, std::nullopt);
    {
      const std::lock_guard lock(mutex);
      ++under_way;
    }
    MHD_suspend_connection(exchange.connection);
    WorkLane& lane = lane_of(exchange.match->lane);
    const bool taken = lane.add([this, &exchange](WorkLane::Turn turn) {
      answer(exchange, turn == WorkLane::Turn::run ? answer_of(exchange) : problem(503, "the run is ending"));
    });
    if (!taken) {
      answer(exchange, problem(503, "too many requests wait; try again"));
    }
  }

  WorkLane& lane_of(Lane lane) { return lane == Lane::quick ? quick : lane == Lane::slow ? slow : scrapes; }

  // The exchange is libmicrohttpd's again afterwards.
  void answer(Exchange& exchange, Response response) {
    if (response.stream != nullptr) {
      const std::lock_guard lock(mutex);
      std::erase_if(streams, [](const auto& one) { return one.expired(); });
      streams.push_back(response.stream);
    }
    exchange.response = std::move(response);
    exchange.answered = true;
    MHD_resume_connection(exchange.connection);
  }

  void wait_for_readers() {
    std::unique_lock lock(mutex);
    idle.wait_for(lock, limits.drain, [this] { return under_way == 0; });
  }

  // A daemon may not end while a connection is suspended.
  void close_streams() {
    const std::lock_guard lock(mutex);
    for (const auto& one : streams) {
      if (const auto stream = one.lock()) {
        stream->close();
      }
    }
  }

  using Clock = std::chrono::steady_clock;
  struct Deadline {
    int fd = -1;
    Clock::time_point until;
  };

  const Router& router;
  const ServerLimits limits;
  std::mutex deadlines_mutex;
  std::condition_variable ended;
  std::map<MHD_Connection*, Deadline> deadlines;
  bool stopping = false;
  std::thread cutter;
  std::vector<std::weak_ptr<EventStream>> streams;  // that were answered with
  std::vector<std::string> paths;
  std::vector<std::unique_ptr<Listener>> listeners;  // their addresses are the daemons'
  std::vector<std::unique_ptr<MHD_Daemon, DaemonDeleter>> daemons;
  std::mutex mutex;
  std::condition_variable idle;
  std::size_t body_bytes = 0;  // that all exchanges hold
  std::size_t under_way = 0;   // exchanges that were handed to a lane and are not completed
  WorkLane quick{kQuickThreads, kMostWaiting};
  WorkLane slow{kSlowThreads, kMostWaiting};
  WorkLane scrapes{kScrapeThreads, kMostWaiting};
};

HttpServer::HttpServer(const Router& router, const ServerLimits& limits)
    : state_(std::make_unique<State>(router, limits)) {}

HttpServer::~HttpServer() { stop(); }

void HttpServer::State::serve(UniqueFd fd, Gate gate, const std::string& what, bool is_unix) {
  listeners.push_back(std::make_unique<Listener>(Listener{this, std::move(gate), is_unix}));
  Listener* context = listeners.back().get();
  // The acceptor counts a connection as ended a moment before libmicrohttpd does.
  const unsigned most = 2 * limits.connections;
  if (!cutter.joinable()) {
    cutter = std::thread([this] { cut_off_slow(); });
  }
  constexpr unsigned kUsual =
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET;
  const auto start = [&](unsigned flags, auto... more) {
    return MHD_start_daemon(flags, 0, nullptr, nullptr, &on_request, context, MHD_OPTION_NOTIFY_COMPLETED,
                            &on_completed, context, MHD_OPTION_NOTIFY_CONNECTION, &on_connection, context,
                            MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_CONNECTION_TIMEOUT,
                            static_cast<unsigned>(limits.idle.count()), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            kMemoryForHeader * limits.header_bytes, MHD_OPTION_URI_LOG_CALLBACK, &on_target, nullptr,
                            MHD_OPTION_UNESCAPE_CALLBACK, &keep_encoded, nullptr, more..., MHD_OPTION_END);
  };
  MHD_Daemon* daemon = context->gate.tls
                           ? start(kUsual | static_cast<unsigned>(MHD_USE_TLS), MHD_OPTION_HTTPS_CERT_CALLBACK2,
                                   tls_identity::callback(), MHD_OPTION_HTTPS_PRIORITIES, kTlsPriorities)
                           : start(kUsual);
  if (daemon == nullptr) {
    throw SystemError(errno, "serving " + what);
  }
  daemons.emplace_back(daemon);
  // Nobody has asked a gate yet: a stranger would learn of this process, and keep the listener's thread for a while.
  const bool gated = context->gate.refusal || context->gate.knows;
  context->acceptor = std::make_unique<Acceptor>(
      std::move(fd),
      Acceptor::Terms{limits.connections, gated ? "" : refusal_without_descriptor(), limits.header_bytes},
      [daemon](int connection, const sockaddr_storage& client, socklen_t size) {
        return MHD_add_connection(daemon, connection, reinterpret_cast<const sockaddr*>(&client), size) == MHD_YES;
      });
  context->acceptor->start();
}

void HttpServer::listen_unix(const std::string& path) {
  UniqueFd fd = unix_listener(path);
  state_->paths.push_back(path);
  state_->serve(std::move(fd), {}, "the socket " + path, true);
}

std::uint16_t HttpServer::listen_tcp(const Endpoint& address, Gate gate) {
  const std::string what = "TCP port " + std::to_string(address.port) + " of " + address.address.text();
  sockaddr_storage storage{};
  socklen_t size = write_address(address, storage);
  UniqueFd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 || listen(fd.get(), kBacklog) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    throw SystemError(errno, "opening " + what);
  }
  const std::uint16_t port = endpoint_of(storage).port;
  state_->serve(std::move(fd), std::move(gate), what);
  return port;
}

void HttpServer::stop() {
  for (const std::string& path : state_->paths) {
    unlink(path.c_str());
  }
  state_->paths.clear();
  for (const auto& listener : state_->listeners) {
    if (listener->acceptor != nullptr) {
      listener->acceptor->stop();
    }
  }
  // Every suspended connection is resumed by its job: a daemon may not end with one suspended.
  state_->quick.close();
  state_->slow.close();
  state_->scrapes.close();
  state_->close_streams();
  state_->wait_for_readers();
  state_->daemons.clear();
  state_->stop_cutting_off();
  state_->listeners.clear();
}

}  // namespace nicsentry
