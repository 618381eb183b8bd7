// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/client/controller.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <new>
#include <thread>

#include "host/api/json/resources.h"
#include "host/api/server/http_server.h"
#include "host/base/error.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/batch.h"
#include "tests/api/http_test_client.h"

using namespace nicsentry;
using namespace std::chrono_literals;

namespace {

struct Served {
  void serve() { server.listen_unix(socket); }

  TestDirectory directory;
  std::string socket = (directory.path() / "controller-1.sock").string();
  Router router;
  HttpServer server{router};
};

template <typename Failure>
Handler throwing(const std::string& text) {
  return [text](const Request&) -> nlohmann::ordered_json { throw Failure(text); };
}

// The listener takes connections and never answers.
UniqueFd silent_listener(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(fd.get(), 8) == 0);
  return fd;
}

// How often processes of this test have called these functions: in memory that a forked server shares.
struct Calls {
  std::atomic<std::uint64_t> accept{0};
  std::atomic<std::uint64_t> wait{0};
};

Calls& calls() {
  static auto* const calls = [] {
    void* shared = mmap(nullptr, sizeof(Calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw SystemError(errno, "mapping a counter");
    return new (shared) Calls;
  }();
  return *calls;
}

// A server in a process of its own, which may not have more descriptors than it has.
class ProcessWithoutDescriptors {
 public:
  explicit ProcessWithoutDescriptors(const std::string& socket) {
    calls();  // mapped before the fork
    process_ = fork();
    if (process_ == 0) {
      serve(socket);
    }
    getrlimit(RLIMIT_NOFILE, &former_);
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (!answers(socket) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(10ms);
    }
    const rlimit none{3, former_.rlim_max};
    REQUIRE(prlimit(process_, RLIMIT_NOFILE, &none, nullptr) == 0);
  }
  ~ProcessWithoutDescriptors() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
  }
  ProcessWithoutDescriptors(const ProcessWithoutDescriptors&) = delete;
  ProcessWithoutDescriptors& operator=(const ProcessWithoutDescriptors&) = delete;

  pid_t id() const { return process_; }
  void give_back() const { REQUIRE(prlimit(process_, RLIMIT_NOFILE, &former_, nullptr) == 0); }

 private:
  [[noreturn]] static void serve(const std::string& socket) {
    Router router;
    router.add("POST", resource::kWindows, Lane::quick, [](const Request&) { return encode(EndedWindow{7, {}}); });
    HttpServer server(router);
    server.listen_unix(socket);
    while (true) {
      pause();
    }
  }

  static bool answers(const std::string& socket) {
    try {
      return Controller(socket).end_window().window == 7;
    } catch (const Error&) {
      return false;
    }
  }

  pid_t process_ = 0;
  rlimit former_{};
};

}  // namespace

// In place of the C library's.
extern "C" int accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  ++calls().accept;
  return static_cast<int>(syscall(SYS_accept4, listener, address, size, flags));
}
extern "C" int epoll_wait(int waiting, epoll_event* events, int most, int timeout) {
  ++calls().wait;
  return static_cast<int>(syscall(SYS_epoll_pwait, waiting, events, most, timeout, nullptr, 8UL));
}

TEST_CASE("a typed call sends what the server's codec reads, and returns what it answers") {
  Served served;
  served.router.add("POST", resource::kSetEntries, Lane::quick, [](const Request& request) {
    CHECK(request.captures.at("name") == "office");
    const auto read = decode<SetAdditionRequest>(request.body);
    CHECK(read.lifetime == 90s);
    SetAddition answer;
    answer.changed = read.entries.size();
    answer.took_ms = 0.5;
    return encode(answer);
  });
  served.router.add("PUT", resource::kDefault, Lane::quick, [](const Request& request) {
    CHECK(request.captures.at("chain") == "egress");
    CHECK(decode<DefaultRequest>(request.body).action == RuleAction::drop);
    return encode(DefaultAnswer{{}, "beware", {}});
  });
  served.router.add("DELETE", resource::kSet, Lane::quick, [](const Request& request) {
    refuse_fields(request.body);
    return encode(EnforcedAnswer{{{{"eth0/xdp", std::nullopt}}, {}}});
  });
  served.serve();
  const Controller controller(served.socket);
  const SetAddition added = controller.add_to_set("office", {{{parse_address_range("10.0.0.0/8")}}, 90s});
  CHECK(added.changed == 1);
  CHECK(added.took_ms == 0.5);
  CHECK(controller.set_default(Chain::egress, RuleAction::drop).warning == "beware");
  CHECK(controller.remove_set("office").enforced.ingress.at(0).attachment == "eth0/xdp");
}

TEST_CASE("a body of many megabytes reaches the server at once") {
  Served served;
  served.router.add("PUT", resource::kSet, Lane::quick, [](const Request& request) {
    return encode(SetReplacement{decode<SetReplacementRequest>(request.body).entries.size(), {}});
  });
  served.serve();
  SetReplacementRequest request;
  request.entries.assign(200'000, {parse_address_range("192.168.100.200")});
  CHECK(Controller(served.socket).replace_set("big", request).entries == 200'000);
}

TEST_CASE("a refusal becomes the type of error that the server threw, with its words") {
  Served served;
  served.router.add("GET", resource::kSets, Lane::quick, throwing<Conflict>("no firewall"));
  served.router.add("GET", resource::kSet, Lane::quick, throwing<NotFound>("no such set"));
  served.router.add("GET", resource::kRules, Lane::quick, throwing<Unavailable>("too busy"));
  served.router.add("GET", resource::kConnections, Lane::quick, throwing<Error>("broken"));
  served.router.add("POST", resource::kWindows, Lane::quick, throwing<BadRequest>("wrong"));
  served.router.add("POST", resource::kBatch, Lane::quick, [](const Request&) -> nlohmann::ordered_json {
    throw BatchError({"rule 1: one", "rule 3: two"});
  });
  served.serve();
  const Controller controller(served.socket);
  CHECK_THROWS_AS(controller.sets(), Conflict);
  CHECK_THROWS_WITH(controller.sets(), "no firewall");
  CHECK_THROWS_AS(controller.entries("a"), NotFound);
  CHECK_THROWS_WITH(controller.entries("a"), "no such set");
  CHECK_THROWS_AS(controller.rules(), Unavailable);
  CHECK_THROWS_AS(controller.end_window(), BadRequest);
  CHECK_THROWS_WITH(controller.connections(), "broken");
  try {
    controller.apply(Chain::ingress, nlohmann::json::object());
    FAIL("was applied");
  } catch (const BatchError& error) {
    CHECK(error.errors() == std::vector<std::string>{"rule 1: one", "rule 3: two"});
    CHECK_THAT(error.what(), Catch::Equals("rule 1: one\nrule 3: two"));
  }
}

TEST_CASE("a program's metrics come as the run wrote them; each request has its method, path and query") {
  Served served;
  served.router.add_raw("GET", resource::kProgramMetrics, Lane::slow, [](const Request& request) {
    CHECK(request.captures.at("name") == "mine");
    CHECK(parse_program_query(request.query).request.metric == "a&b");
    Response response;
    response.content_type = "text/plain";
    response.body = "not JSON\n";
    return response;
  });
  served.router.add("DELETE", resource::kProgram, Lane::slow,
                    [](const Request& request) { return encode(ProgramUnloaded{request.captures.at("name")}); });
  served.router.add("POST", resource::kPrograms, Lane::slow, [](const Request& request) -> nlohmann::ordered_json {
    const auto load = decode<ProgramLoadRequest>(request.body);
    CHECK(load.paths.at(0).object == std::string(300'000, '\xff'));
    throw Conflict("eth0 has another program");
  });
  served.serve();
  const Controller controller(served.socket);
  ProgramQuery query;
  query.request.metric = "a&b";
  CHECK(controller.read_program("mine", query) == "not JSON\n");
  CHECK(controller.unload_program("mine").name == "mine");
  programs::CompiledPath path;
  path.name = "x";
  path.source = {"x.c", "// no UTF-8: \xff\n"};
  path.object.assign(300'000, '\xff');
  CHECK_THROWS_AS(controller.load_program({{}, {path}}), Conflict);
  CHECK_THROWS_AS(controller.programs(), OtherVersion);
}

TEST_CASE("a path or a method that the server does not know means another version") {
  Served served;
  served.router.add("GET", resource::kWindows, Lane::quick, throwing<Error>("not reached"));
  served.serve();
  const Controller controller(served.socket);
  for (const auto& ask : {std::function<void()>([&] { controller.version(); }),
                          std::function<void()>([&] { controller.end_window(); })}) {
    CHECK_THROWS_WITH(ask(), Catch::Contains(served.socket) && Catch::Contains("another version of nicsentry"));
  }
}

TEST_CASE("a server that takes packets in another form only is another version; other refusals stay as they are") {
  for (const auto& [refusal, other] :
       {std::pair("packets, number 1: frame: read \"00ff\", allowed is a list of bytes", true),
        std::pair("packets, number 1: frame: read \"0\", allowed is a list of bytes, or their hexadecimal digits",
                  false)}) {
    INFO(refusal);
    Served served;
    served.router.add("POST", resource::kExplain, Lane::slow, throwing<BadRequest>(refusal));
    served.serve();
    const Controller controller(served.socket);
    if (other) {
      CHECK_THROWS_AS(controller.explain(Chain::ingress, {}), OtherVersion);
    } else {
      CHECK_THROWS_WITH(controller.explain(Chain::ingress, {}), refusal);
    }
  }
}

TEST_CASE("an answer in a form that is not known is an error that names socket and field") {
  Served served;
  served.router.add("POST", resource::kWindows, Lane::quick, [](const Request&) {
    return nlohmann::ordered_json{{"window", "one"}};
  });
  served.serve();
  CHECK_THROWS_WITH(Controller(served.socket).end_window(),
                    Catch::Contains(served.socket) && Catch::Contains("window: read \"one\""));
}

TEST_CASE("a controller that does not answer is named by its socket, and is not waited for for ever") {
  const TestDirectory directory;
  const std::string path = (directory.path() / "controller-1.sock").string();
  CHECK_THROWS_AS(Controller(path).version(), Unavailable);
  CHECK_THROWS_WITH(Controller(path).version(), Catch::Contains("the controller at " + path + " does not answer: "));
  const UniqueFd silent = silent_listener(path);
  const auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_WITH(Controller(path, {100ms, 200ms}).version(), Catch::Contains(path + " does not answer: "));
  CHECK(std::chrono::steady_clock::now() - start < 3s);
}

TEST_CASE("a controller without a free descriptor is said to have none, does not spin, and answers once it has one") {
  const TestDirectory directory;
  const std::string path = (directory.path() / "controller-1.sock").string();
  ProcessWithoutDescriptors server(path);
  const std::string process = "process " + std::to_string(server.id());
  const std::uint64_t accepted_before = calls().accept;
  const std::uint64_t waited_before = calls().wait;
  CHECK_THROWS_WITH(Controller(path).end_window(), Catch::Contains(path + " does not answer: " + process +
                                                                   " has no free file descriptor: it may have 3"));
  server.give_back();
  CHECK(Controller(path).end_window().window == 7);
  // For each client: without a descriptor, with the one that is kept, and that none waits behind it.
  const std::uint64_t accepted = calls().accept - accepted_before;
  CHECK(accepted >= 3);
  CHECK(accepted < 1000);  // one that spins makes more in a hundredth of a second
  CHECK(calls().wait - waited_before < 1000);
}
