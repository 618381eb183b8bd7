// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/http_server.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "host/base/error.h"
#include "tests/api/http_test_client.h"

using namespace nicsentry;
using namespace std::chrono_literals;
using ServerClock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Resident memory of this process, which has the server.
std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  std::size_t resident = 0;
  file >> pages >> resident;
  return resident * 4096;
}

Endpoint loopback() {
  Endpoint end;
  end.address.bytes = {127, 0, 0, 1};
  return end;
}

// Holds requests back until it is opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_for(std::size_t requests) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return waiting_ >= requests; });
    REQUIRE(waiting_ >= requests);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t waiting_ = 0;
  bool open_ = false;
};

struct Running {
  explicit Running(const ServerLimits& limits = {}) : server(router, limits) {
    router.add("GET", "/quick", Lane::quick, [](const Request&) { return nlohmann::ordered_json{{"answer", 42}}; });
    router.add("POST", "/echo", Lane::quick,
               [](const Request& request) { return nlohmann::ordered_json(request.body); });
    router.add("GET", "/slow", Lane::slow, [this](const Request&) {
      gate.pass();
      return nlohmann::ordered_json{{"slow", true}};
    });
    router.add("GET", "/large", Lane::quick,
               [](const Request&) { return nlohmann::ordered_json(std::string(kMiB, 'x')); });
    router.add("GET", "/errors/{type}", Lane::quick, [](const Request& request) -> nlohmann::ordered_json {
      if (request.captures.at("type") == "conflict") {
        throw Conflict("not now");
      }
      throw std::runtime_error("broken");
    });
    server.listen_unix(socket);
  }
  ~Running() { gate.open(); }  // the server waits for its handlers

  std::string ask(const std::string& method, const std::string& path, const std::string& body = {}) const {
    return http_exchange(socket, http_request_text(method, path, body));
  }

  TestDirectory directory;
  std::string socket = (directory.path() / "server.sock").string();
  Gate gate;
  Router router;
  HttpServer server;
};

// All descriptors that this process may have are open while it lives, but those that are given back.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &former_) == 0);
    const int next = UniqueFd(fcntl(0, F_DUPFD_CLOEXEC, 0)).get();
    const rlimit few{std::min<rlim_t>(static_cast<rlim_t>(next) + 64, former_.rlim_max), former_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (true) {
      UniqueFd one(fcntl(0, F_DUPFD_CLOEXEC, 0));
      if (!one) {
        break;
      }
      taken_.push_back(std::move(one));
    }
  }
  ~NoDescriptors() {
    taken_.clear();
    setrlimit(RLIMIT_NOFILE, &former_);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

  void give_one() { taken_.pop_back(); }

 private:
  rlimit former_{};
  std::vector<UniqueFd> taken_;
};

// The server answers somebody else at once: the quickest of several answers decides, as the processors may be busy with
// other tests. A client that holds the server up holds up every one of them.
void check_prompt(const Running& running) {
  constexpr int kTries = 10;
  ServerClock::duration quickest = ServerClock::duration::max();
  for (int i = 0; i < kTries && quickest >= 100ms; ++i) {
    const auto start = ServerClock::now();
    CHECK_THAT(running.ask("GET", "/quick"), Catch::Contains("{\"answer\":42}"));
    quickest = std::min(quickest, ServerClock::now() - start);
  }
  CHECK(quickest < 100ms);
}

}  // namespace

TEST_CASE("a request is answered with JSON, an error with a problem document", "[server]") {
  const Running running;
  const std::string answer = running.ask("GET", "/quick");
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200") && Catch::Contains("Content-Type: application/json\r\n") &&
                         Catch::EndsWith("{\"answer\":42}"));
  CHECK_THAT(running.ask("GET", "/quick?query=1"), Catch::StartsWith("HTTP/1.1 200"));
  CHECK_THAT(running.ask("POST", "/echo", R"({"a":[1,2]})"), Catch::EndsWith(R"({"a":[1,2]})"));
  CHECK_THAT(running.ask("POST", "/echo"), Catch::EndsWith("{}"));
  const std::string conflict = running.ask("GET", "/errors/conflict");
  CHECK_THAT(conflict, Catch::StartsWith("HTTP/1.1 409") &&
                           Catch::Contains("Content-Type: application/problem+json\r\n") &&
                           Catch::Contains("\"detail\":\"not now\""));
  CHECK_THAT(running.ask("GET", "/errors/other"), Catch::StartsWith("HTTP/1.1 500"));
  CHECK_THAT(running.ask("GET", "/nothing"), Catch::StartsWith("HTTP/1.1 404"));
  CHECK_THAT(running.ask("DELETE", "/quick"),
             Catch::StartsWith("HTTP/1.1 405") && Catch::Contains("Allow: GET, HEAD\r\n"));
}

TEST_CASE("a body that is not JSON, has a key twice or is nested too deep is the caller's fault", "[server]") {
  const Running running;
  CHECK_THAT(running.ask("POST", "/echo", "{"), Catch::StartsWith("HTTP/1.1 400") && Catch::Contains("not JSON"));
  CHECK_THAT(running.ask("POST", "/echo", R"({"a":1,"a":2})"),
             Catch::StartsWith("HTTP/1.1 400") && Catch::Contains("read twice"));
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  CHECK_THAT(running.ask("POST", "/echo", deep), Catch::StartsWith("HTTP/1.1 400") && Catch::Contains("levels deep"));
}

TEST_CASE("a connection serves several requests", "[server]") {
  const Running running;
  HttpTestClient client(running.socket);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.send(http_request_text("POST", "/echo", "[" + std::to_string(i) + "]")));
    CHECK_THAT(client.read_answer(), Catch::EndsWith("[" + std::to_string(i) + "]"));
  }
}

TEST_CASE("a request with many or large parts is served or refused, and never left without an answer", "[server]") {
  Running running;
  const std::uint16_t port = running.server.listen_tcp(loopback(), {});
  const auto many = [](std::size_t count, const auto& one) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) {
      all += one(std::to_string(i));
    }
    return all;
  };
  const auto request = [](const std::string& target, const std::string& headers = {}) {
    return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
  };
  const auto arguments = [&](std::size_t count) {
    return request("/quick?x=" + many(count - 1, [](const std::string& i) { return "&a" + i + "=1"; }));
  };
  const auto headers = [&](std::size_t count) {
    return request("/quick", many(count, [](const std::string& i) { return "X-" + i + ": 1\r\n"; }));
  };
  const auto cookies = [&](std::size_t count) {
    return request("/quick", many(count, [](const std::string& i) { return "Cookie: c" + i + "=1\r\n"; }));
  };
  const auto header_of = [&](std::size_t bytes) { return request("/quick", "X: " + std::string(bytes, 'x') + "\r\n"); };
  const struct {
    const char* what;
    std::string text;
    std::string status;
  } rows[] = {
      {"64 arguments", arguments(64), "200"},
      {"65 arguments", arguments(65), "400"},
      {"500 arguments", arguments(500), "400"},
      {"2000 arguments", arguments(2000), "400"},
      {"30000 empty arguments", request("/quick?" + std::string(30'000, '&')), "200"},
      {"a query of 30 kB", request("/quick?a=" + std::string(30'000, 'q')), "200"},
      {"a query of 40 kB", request("/quick?a=" + std::string(40'000, 'q')), "431"},
      {"a path of 10 kB", request("/" + std::string(10'000, 'p')), "404"},
      {"a path of 40 kB", request("/" + std::string(40'000, 'p')), "431"},
      {"500 headers", headers(500), "200"},
      {"500 cookies", cookies(500), "200"},
      {"a header of 30 kB", header_of(30'000), "200"},
      {"a header of 32.5 kB", header_of(32'500), "200"},  // there is memory for the answer, too
      {"a header of 33 kB", header_of(33'000), "431"},
      {"two lengths", request("/quick", "Content-Length: 0\r\nContent-Length: 5\r\n"), "400"},
      {"a length of chunks", request("/quick", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "400"},
  };
  for (const auto& row : rows) {
    for (const bool tcp : {false, true}) {
      INFO(row.what << (tcp ? ", by TCP" : ""));
      HttpTestClient client = tcp ? HttpTestClient(port) : HttpTestClient(running.socket);
      client.send(row.text);
      const std::string answer = client.read_answer(3s);
      CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 " + row.status));
      if (row.status != "200") {
        CHECK_THAT(answer, Catch::Contains("application/problem+json"));
      }
    }
  }
  // What is too large for a connection's memory is answered by libmicrohttpd itself.
  for (const std::string& text : {headers(20'000), cookies(20'000), header_of(1'000'000), arguments(100'000)}) {
    HttpTestClient client(running.socket);
    client.send(text);
    CHECK_THAT(client.read_answer(3s), Catch::StartsWith("HTTP/1.1 4"));
  }
  check_prompt(running);
}

TEST_CASE("arguments of a query are decoded, and one that comes twice is told from one that comes once", "[server]") {
  Router router;
  router.add("GET", "/query", Lane::quick,
             [](const Request& request) { return nlohmann::ordered_json(request.query); });
  HttpServer server(router);
  const TestDirectory directory;
  const std::string socket = (directory.path() / "query.sock").string();
  server.listen_unix(socket);
  CHECK_THAT(http_exchange(socket, http_request_text("GET", "/query?a=1+2%2B3&b&c=&=d&&e==%26")),
             Catch::EndsWith(R"({"":"d","a":"1 2+3","b":"","c":"","e":"=&"})"));
  CHECK_THAT(http_exchange(socket, http_request_text("GET", "/query?a=1&a=2")),
             Catch::EndsWith(R"({"a":"1","a, a second time":""})"));
  CHECK_THAT(http_exchange(socket, http_request_text("GET", "/query?a=%zz")), Catch::StartsWith("HTTP/1.1 400"));
  CHECK_THAT(http_exchange(socket, http_request_text("GET", "/query")), Catch::EndsWith("{}"));
}

TEST_CASE("an endless header line is refused while it comes, and holds no memory", "[server]") {
  const Running running;
  HttpTestClient client(running.socket);
  REQUIRE(client.send("GET /quick HTTP/1.1\r\nHost: localhost\r\nX-Endless: "));
  const std::string part(64 << 10, 'x');
  const std::size_t before = resident_bytes();
  std::size_t most = before;
  std::size_t sent = 0;
  while (sent < 50 * kMiB && client.send(part)) {
    sent += part.size();
    most = std::max(most, resident_bytes());
  }
  CHECK(sent < kMiB);  // 32 KiB and what the kernel's buffers take
  CHECK(most - before < 2 * kMiB);
  check_prompt(running);
}

TEST_CASE("a chunked body beyond the limit is cut, and holds no more memory than the limit", "[server]") {
  ServerLimits limits;
  limits.body_bytes = kMiB;
  const Running running(limits);
  HttpTestClient client(running.socket);
  REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"));
  const std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  const std::size_t before = resident_bytes();
  std::size_t most = before;
  std::size_t sent = 0;
  while (sent < 50 * kMiB && client.send(chunk)) {
    sent += chunk.size();
    most = std::max(most, resident_bytes());
  }
  CHECK(sent < 3 * kMiB);
  CHECK(most - before < 4 * kMiB);
  check_prompt(running);
}

TEST_CASE("a body that is announced as larger than the limit gets 413 before it is sent", "[server]") {
  ServerLimits limits;
  limits.body_bytes = kMiB;
  const Running running(limits);
  for (const char* length : {"1048577", "99999999999999", "18446744073709551614"}) {
    INFO(length);
    const std::string answer =
        http_exchange(running.socket,
                      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::string(length) + "\r\n\r\n");
    CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 413"));
  }
  CHECK_THAT(running.ask("POST", "/echo", std::string(kMiB - 2, ' ') + "{}"), Catch::StartsWith("HTTP/1.1 200"));
}

TEST_CASE("the bodies of all requests together have a limit", "[server]") {
  ServerLimits limits;
  limits.body_bytes = kMiB;
  limits.bodies_bytes = 3 * kMiB;
  const Running running(limits);
  const std::string half(kMiB / 2, ' ');
  const std::string announced =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(kMiB) + "\r\n\r\n";
  std::vector<std::unique_ptr<HttpTestClient>> clients;
  for (int i = 0; i < 6; ++i) {  // half a body each
    clients.push_back(std::make_unique<HttpTestClient>(running.socket));
    REQUIRE(clients.back()->send(announced + half));
  }
  std::string answer;  // the server has all that was sent when there is no room left for a seventh
  for (const auto until = ServerClock::now() + 10s; ServerClock::now() < until; std::this_thread::sleep_for(10ms)) {
    answer = running.ask("POST", "/echo", half + "{}");
    if (answer.starts_with("HTTP/1.1 503")) {
      break;
    }
  }
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 503") && Catch::Contains("too many large requests"));
  clients.clear();
  for (const auto until = ServerClock::now() + 10s; ServerClock::now() < until; std::this_thread::sleep_for(10ms)) {
    answer = running.ask("POST", "/echo", half + "{}");
    if (answer.starts_with("HTTP/1.1 200")) {
      break;
    }
  }
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200"));
}

TEST_CASE("a client that comes while no descriptor is free is told so, and the next one is answered", "[server]") {
  const Running running;
  const std::array requests{http_request_text("POST", "/echo", std::string(kMiB, ' ') + "{}"),
                            "GET /" + std::string(kMiB, 'a'),  // a header without an end
                            http_request_text("GET", "/quick")};
  {
    NoDescriptors none;
    none.give_one();  // the client takes it
    for (const std::string& request : requests) {
      HttpTestClient client(running.socket);
      client.send(request);
      const std::string answer = client.read();
      CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 503") &&
                             Catch::Contains("Content-Type: application/problem+json\r\n") &&
                             Catch::Contains("process " + std::to_string(getpid()) + " has no free file descriptor"));
    }
  }
  CHECK_THAT(running.ask("GET", "/quick"), Catch::StartsWith("HTTP/1.1 200"));
}

TEST_CASE("connections beyond their number wait until one ends", "[server]") {
  ServerLimits limits;
  limits.connections = 2;
  const Running running(limits);
  std::vector<std::unique_ptr<HttpTestClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<HttpTestClient>(running.socket));
    REQUIRE(clients.back()->send(http_request_text("GET", "/quick")));
  }
  for (int i = 0; i < 2; ++i) {
    CHECK_THAT(clients[static_cast<std::size_t>(i)]->read_answer(), Catch::StartsWith("HTTP/1.1 200"));
  }
  CHECK(clients[2]->read_answer(200ms).empty());
  clients.erase(clients.begin(), clients.begin() + 2);
  for (const auto& client : clients) {
    CHECK_THAT(client->read_answer(), Catch::StartsWith("HTTP/1.1 200"));
  }
}

TEST_CASE("slow and dead clients do not keep another one from its answer", "[server]") {
  const auto count = GENERATE(as<std::size_t>{}, 2, 100);
  INFO(count << " clients");
  const Running running;
  const std::string parts[] = {
      "",                                                                                    // nothing
      "GET /qui",                                                                            // half a line
      "GET /quick HTTP/1.1\r\nHost: loc",                                                    // half a header
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",              // half a body
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",  // half a chunk
      "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",                                      // no reading of the answer
  };
  std::vector<std::unique_ptr<HttpTestClient>> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<HttpTestClient>(running.socket));
    REQUIRE(clients.back()->send(parts[count == 2 ? 3 + i : i % std::size(parts)]));
  }
  std::this_thread::sleep_for(200ms);  // answers are written into the buffers that nobody reads
  for (int i = 0; i < 5; ++i) {
    check_prompt(running);
  }
}

TEST_CASE("a client that stands still is let go after the idle limit", "[server]") {
  ServerLimits limits;
  limits.idle = 1s;
  const Running running(limits);
  HttpTestClient client(running.socket);
  REQUIRE(client.send("GET /quick HTTP/1.1\r\nHost: loc"));
  const auto start = ServerClock::now();
  client.read(10s);
  CHECK(ServerClock::now() - start < 5s);
}

TEST_CASE("a full slow lane refuses with 503, and does not hold up the quick one", "[server]") {
  constexpr std::size_t kRunning = 2;
  constexpr std::size_t kWaiting = 64;
  constexpr std::size_t kTooMany = 6;
  Running running;
  std::vector<std::unique_ptr<HttpTestClient>> clients;
  const auto ask = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<HttpTestClient>(running.socket));
      REQUIRE(clients.back()->send(http_request_text("GET", "/slow")));
    }
  };
  ask(kRunning);
  running.gate.wait_for(kRunning);
  ask(kWaiting + kTooMany);
  std::vector<std::string> answers(clients.size());
  const auto answered = [&answers](const char* status) {
    return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), [status](const std::string& answer) {
      return answer.starts_with(std::string("HTTP/1.1 ") + status);
    }));
  };
  for (const auto until = ServerClock::now() + 10s; ServerClock::now() < until && answered("503") < kTooMany;) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      answers[i] = answers[i].empty() ? clients[i]->read_answer(1ms) : answers[i];
    }
  }
  CHECK(answered("503") == kTooMany);
  check_prompt(running);
  running.gate.open();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    answers[i] = answers[i].empty() ? clients[i]->read_answer() : answers[i];
  }
  CHECK(answered("200") == kRunning + kWaiting);
  CHECK(answered("503") == kTooMany);
}

TEST_CASE("stop() finishes what handlers have, refuses what waits, and removes the socket", "[server]") {
  Running running;
  std::vector<std::unique_ptr<HttpTestClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<HttpTestClient>(running.socket));
    REQUIRE(clients.back()->send(http_request_text("GET", "/slow")));
  }
  running.gate.wait_for(2);
  std::this_thread::sleep_for(50ms);  // the others wait in the lane
  std::thread opener([&running] {
    std::this_thread::sleep_for(100ms);
    running.gate.open();
  });
  const auto start = ServerClock::now();
  running.server.stop();
  CHECK(ServerClock::now() - start < 1s);
  opener.join();
  std::size_t finished = 0;
  std::size_t refused = 0;
  for (const auto& client : clients) {
    const std::string answer = client->read_answer(1s);
    finished += answer.starts_with("HTTP/1.1 200") ? 1U : 0U;
    refused += answer.starts_with("HTTP/1.1 503") && answer.find("the run is ending") != std::string::npos ? 1U : 0U;
  }
  CHECK(finished == 2);
  CHECK(refused == 3);
  CHECK_FALSE(std::filesystem::exists(running.socket));
  CHECK_THROWS_AS(HttpTestClient(running.socket), SystemError);
}

TEST_CASE("stop() does not wait for clients that do not read their answers", "[server]") {
  Running running;
  std::vector<std::unique_ptr<HttpTestClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<HttpTestClient>(running.socket));
    REQUIRE(clients.back()->send(http_request_text("GET", "/large")));
  }
  std::this_thread::sleep_for(100ms);
  const auto start = ServerClock::now();
  running.server.stop();
  CHECK(ServerClock::now() - start < 2s);
}

TEST_CASE("many clients at once each get their own answer", "[server]") {
  const Running running;
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string body = "[" + std::to_string(t) + "," + std::to_string(i) + "]";
        right += running.ask("POST", "/echo", body).ends_with("\r\n\r\n" + body) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(right == 200);
}

TEST_CASE("the socket is its owner's alone, and is taken only where nobody listens", "[server]") {
  Running running;
  struct stat status {};
  REQUIRE(stat(running.socket.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  HttpServer second(running.router);
  CHECK_THROWS_WITH(second.listen_unix(running.socket), Catch::StartsWith("EADDRINUSE: opening the socket"));
  check_prompt(running);
  CHECK_THROWS_AS(second.listen_unix("/nonexistent/" + std::string(200, 'x')), SystemError);
  CHECK_THROWS_AS(second.listen_unix("/nonexistent/a.sock"), SystemError);
}

TEST_CASE("on the Unix socket requests of a foreign page are refused before their body is read", "[server]") {
  Running running;
  const auto status = [&running](const std::string& headers) {
    return http_exchange(running.socket, "GET /quick HTTP/1.1\r\nConnection: close\r\n" + headers + "\r\n")
        .substr(0, 12);
  };
  for (const std::string usual :
       {"Host: localhost\r\n", "Host: run\r\n", "Host: [::1]:9444\r\n", "Host: 127.0.0.1:9444\r\n",
        "Host: localhost:9444\r\nOrigin: http://localhost:9444\r\n", "Host: localhost\r\nSec-Fetch-Site: none\r\n"}) {
    INFO(usual);
    CHECK(status(usual) == "HTTP/1.1 200");
  }
  for (const std::string foreign : {"Host: evil.example\r\n", "Host: localhost\r\nOrigin: http://evil.example\r\n",
                                    "Host: localhost\r\nOrigin: null\r\n", "Host: localhost.\r\n",
                                    "Host: localhost\r\nSec-Fetch-Site: same-site\r\n"}) {
    INFO(foreign);
    CHECK(status(foreign) == "HTTP/1.1 403");
  }
}

TEST_CASE("a TCP client is asked for at the gate before its body is read, on each request", "[server]") {
  Router router;
  std::atomic<int> handled = 0;
  router.add_tree("/tree", Lane::quick, [&handled](const Request& request) {
    ++handled;
    return Response{201, "text/plain", request.method + " " + request.text, ""};
  });
  HttpServer server(router);
  std::mutex mutex;
  std::vector<Arrival> seen;
  const auto refusal = [&](const Arrival& arrival) -> std::optional<Response> {
    const std::lock_guard lock(mutex);
    seen.push_back(arrival);
    return arrival.origin.empty() ? std::nullopt : std::optional(Response{403, "text/plain", "no", ""});
  };
  const std::uint16_t port = server.listen_tcp(loopback(), {refusal, {}});
  HttpTestClient client(port);
  client.send("PATCH /tree/a HTTP/1.1\r\nHost: here:1\r\nContent-Length: 3\r\n\r\na{b");
  CHECK_THAT(client.read_answer(), Catch::StartsWith("HTTP/1.1 201") && Catch::EndsWith("PATCH a{b"));
  client.send(
      "POST /tree HTTP/1.1\r\nhost: here:1\r\nOrigin: http://a\r\nsec-fetch-site: cross-site\r\n"
      "Content-Length: 2\r\n\r\n{}");
  CHECK_THAT(client.read_answer(), Catch::StartsWith("HTTP/1.1 403") && Catch::EndsWith("no"));
  CHECK(handled == 1);
  const std::lock_guard lock(mutex);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].local == Endpoint{loopback().address, port});
  CHECK(seen[0].remote.address == loopback().address);
  CHECK(seen[0].remote.port != 0);
  CHECK(seen[0].host == std::vector<std::string>{"here:1"});
  CHECK(seen[1].host == std::vector<std::string>{"here:1"});
  CHECK(seen[1].origin == std::vector<std::string>{"http://a"});
  CHECK(seen[1].fetch_site == std::vector<std::string>{"cross-site"});
}

TEST_CASE("a client that has gone is refused, whatever the gate says: its port can be another one's", "[server]") {
  Router router;
  std::atomic<int> handled = 0;
  router.add_tree("/tree", Lane::quick, [&handled](const Request&) {
    ++handled;
    return Response{};
  });
  HttpServer server(router);
  std::optional<HttpTestClient> client;
  std::atomic<int> asked = 0;
  std::promise<void> sent;
  const auto refusal = [&](const Arrival&) -> std::optional<Response> {
    if (++asked == 1) {
      sent.get_future().wait();
      client->reset();
    }
    return std::nullopt;
  };
  const std::uint16_t port = server.listen_tcp(loopback(), {refusal, {}});
  client.emplace(port);
  client->send(http_request_text("POST", "/tree"));
  sent.set_value();
  HttpTestClient other(port);
  other.send(http_request_text("POST", "/tree"));
  CHECK_THAT(other.read_answer(), Catch::StartsWith("HTTP/1.1 200"));
  CHECK(asked == 2);
  CHECK(handled == 1);
}

TEST_CASE("strangers hold few of the connections, others are cut off", "[server]") {
  Router router;
  router.add("GET", "/quick", Lane::quick, [](const Request&) { return nlohmann::ordered_json{{"answer", 42}}; });
  ServerLimits limits;
  limits.connections = 12;
  limits.strangers = 3;
  HttpServer server(router, limits);
  std::atomic<bool> known = false;
  std::atomic<int> local_port = 0;
  const std::uint16_t port =
      server.listen_tcp(loopback(), {{}, [&known, &local_port](const Endpoint& local, const Endpoint&) {
                                       local_port = local.port;
                                       return known.load();
                                     }});
  std::vector<HttpTestClient> strangers;
  for (int i = 0; i < 100; ++i) {
    strangers.emplace_back(port);
    strangers.back().send("GET /quick HT");  // and nothing more for now
  }
  int cut_off = 0;
  for (std::size_t i = 3; i < strangers.size(); ++i) {
    cut_off += strangers[i].read_end() ? 1 : 0;
  }
  CHECK(cut_off == 97);
  CHECK(local_port == port);
  known = true;
  HttpTestClient client(port);
  client.send(http_request_text("GET", "/quick"));
  CHECK_THAT(client.read_answer(), Catch::StartsWith("HTTP/1.1 200"));
  known = false;
  strangers[0].send("TP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK_THAT(strangers[0].read_answer(), Catch::StartsWith("HTTP/1.1 200"));
  strangers.clear();
  std::string answer;
  for (int i = 0; i < 100 && answer.empty(); ++i) {  // until the server has seen that they went
    HttpTestClient next(port);
    next.send(http_request_text("GET", "/quick"));
    answer = next.read_answer();
  }
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200"));
}

TEST_CASE("a client that no gate has judged is told nothing while no descriptor is free", "[server]") {
  Router router;
  router.add("GET", "/quick", Lane::quick, [](const Request&) { return nlohmann::ordered_json{{"answer", 42}}; });
  HttpServer server(router);
  const std::uint16_t port = server.listen_tcp(loopback(), {{}, [](const Endpoint&, const Endpoint&) { return true; }});
  {
    NoDescriptors none;
    none.give_one();  // the client takes it
    for (int i = 0; i < 3; ++i) {
      HttpTestClient client(port);
      CHECK(client.read_end());
    }
  }
  HttpTestClient client(port);
  client.send(http_request_text("GET", "/quick"));
  CHECK_THAT(client.read_answer(), Catch::StartsWith("HTTP/1.1 200"));
}

TEST_CASE("an address of another host cannot be listened at", "[server]") {
  const Router router;
  HttpServer server(router);
  Endpoint address;
  address.address.bytes = {192, 0, 2, 1};
  address.port = 9;
  CHECK_THROWS_WITH(server.listen_tcp(address, {}), Catch::Contains("TCP port 9 of 192.0.2.1"));
}
