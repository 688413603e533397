#include "../support/eventually.hpp"
#include "../support/net.hpp"

#include <rathole/admin/event_log.hpp>
#include <rathole/admin/http_server.hpp>
#include <rathole/admin/json.hpp>
#include <rathole/admin/listen.hpp>
#include <rathole/admin/message.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/workers.hpp>

#include <doctest/doctest.h>
#include <asio/post.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace rathole::admin {
namespace {

using namespace std::chrono_literals;
using test::tcp_socket;

/// More than the buffers of the system hold for a connection that nobody reads.
constexpr std::size_t large_answer = std::size_t{32} << 20;

/// A server that answers with the method and target of the request, or with events for `/events`. It runs
/// on a thread of its own.
struct served {
  explicit served(http_limits limits = {}) {
    config::admin_options options;
    options.bind_addr = "127.0.0.1:0";
    auto acceptor = listen(context.get_executor(), options);
    REQUIRE(acceptor);
    port = acceptor->local().port;
    server = std::make_shared<http_server>(io::asio_runtime(context), std::move(*acceptor), nullptr,
                                           &answer, events, limits);
    tasks.spawn(http_server::run(server));
    events.on_events([this] { asio::post(context, [this] { server->wake_streams(); }); });
    thread = std::thread([this] { io::run_context(context); });
  }
  ~served() {
    events.on_events(nullptr);
    context.stop();
    thread.join();
    context.shut_down();
  }

  static io::awaitable<response> answer(const request& asked) {
    if (asked.target == "/events") {
      co_return response{.type = "text/event-stream", .events_after = 0};
    }
    if (asked.target == "/large") {
      co_return text_response(200, std::string(large_answer - 7, 'x') + "the end");
    }
    co_return text_response(200, asked.method + ' ' + asked.target + ' ' + asked.body);
  }

  [[nodiscard]] tcp_socket connect() const { return tcp_socket::connect(port); }

  /// Returns the whole answer to a request, after which the connection is closed.
  [[nodiscard]] std::string ask(const std::string& text) const {
    auto client = connect();
    client.send_all(text);
    return client.receive_all();
  }

  io::thread_context context;
  event_log events;
  std::shared_ptr<http_server> server;
  io::task_group tasks{context.get_executor()};
  std::uint16_t port = 0;
  std::thread thread;
};

constexpr std::string_view last = " HTTP/1.1\r\nConnection: close\r\n\r\n";

/// Reads from `client` until `text` has come; returns whether it has. What comes with it is lost.
bool receives(tcp_socket& client, std::string_view text) {
  std::string got;
  std::vector<char> room(65536);
  while (!got.contains(text)) {
    if (got.size() > text.size()) got.erase(0, got.size() - text.size());
    const std::size_t count = client.receive_some(room.data(), room.size());
    if (count == 0) return false;
    got.append(room.data(), count);
  }
  return true;
}

TEST_CASE("http server: requests on one connection are answered in order") {
  const served s;
  const std::string all = s.ask(
      "GET /a HTTP/1.1\r\n\r\n"
      "PUT /b HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
      "HEAD /c HTTP/1.1\r\n\r\n"
      "GET /d" +
      std::string(last));
  const auto a = all.find("GET /a ");
  const auto b = all.find("PUT /b body");
  const auto d = all.find("GET /d ");
  CHECK(a < b);
  CHECK(b < d);
  CHECK(d != all.npos);
  CHECK_FALSE(all.contains("HEAD /c"));
  CHECK(all.contains("Content-Length: 8\r\n"));
  CHECK(all.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain"));
}

TEST_CASE("http server: a request that cannot be answered gets its status, and then the end") {
  const served s;
  CHECK(s.ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(s.ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            .starts_with("HTTP/1.1 411 Length Required\r\n"));
  const std::string large =
      s.ask("PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  CHECK(large.starts_with("HTTP/1.1 413 Content Too Large\r\n"));
  auto waiting = s.connect();
  waiting.send_all("PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(receives(waiting, "HTTP/1.1 100 Continue\r\n\r\n"));
  waiting.send_all("{}");
  CHECK(receives(waiting, "PUT /x {}"));
}

TEST_CASE("http server: connections that send nothing give way, and end in time") {
  http_limits limits;
  limits.waiting = 8;
  limits.waiting_per_address = 8;
  limits.request_timeout = 2s;
  const served s(limits);
  std::vector<tcp_socket> silent;
  for (int i = 0; i < 100; ++i) {
    silent.push_back(s.connect());
    if (i % 2 == 0) silent.back().send_all("GET / HT");
  }
  CHECK(s.ask("GET /alive" + std::string(last)).contains("GET /alive"));
  CHECK(silent.front().ends());
  CHECK(silent.back().ends());
}

TEST_CASE("http server: connections that do not end after their answer give way") {
  http_limits limits;
  limits.writing = 8;
  const served s(limits);
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = descriptors();
  std::vector<tcp_socket> lingering;
  for (int i = 0; i < 60; ++i) {
    lingering.push_back(s.connect());
    lingering.back().send_all("nonsense\r\n\r\n");
    CHECK(receives(lingering.back(), "400 Bad Request"));
  }
  // The server has closed the others before it answers: waiting would let them end by themselves.
  CHECK(s.ask("GET /alive" + std::string(last)).contains("GET /alive"));
  CHECK(descriptors() <= before + 60 + 30);
}

TEST_CASE("http server: events reach every reader, and one that does not read delays nobody") {
  http_limits limits;
  limits.write_timeout = 300ms;
  served s(limits);
  const std::string ask = "GET /events HTTP/1.1\r\n\r\n";
  auto reader = s.connect();
  auto lazy = s.connect();
  reader.send_all(ask);
  lazy.send_all(ask);
  CHECK(receives(reader, "text/event-stream"));
  CHECK(receives(lazy, "text/event-stream"));
  s.events.add({.name = "draining"});
  CHECK(receives(reader, "id: 1\nevent: draining\ndata: {"));
  // The buffers of the system hold some megabytes for the one that does not read.
  const std::string much(4000, 'x');
  std::uint64_t sent = 1;
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 500; ++k) s.events.add({.name = "draining", .detail = much}), ++sent;
    CHECK(receives(reader, "id: " + std::to_string(sent) + "\n"));
  }
  // What it was sent so far, and then no more.
  CHECK(test::eventually([&] {
    char room[65536];
    try {
      return lazy.receive_some(room, sizeof room) == 0;
    } catch (const std::system_error&) {
      return true;
    }
  }));
}

TEST_CASE("http server: the readers of events are bounded") {
  http_limits limits;
  limits.streams = 2;
  served s(limits);
  auto first = s.connect();
  auto second = s.connect();
  for (auto* const each : {&first, &second}) {
    each->send_all("GET /events HTTP/1.1\r\n\r\n");
    CHECK(receives(*each, "200 OK"));
  }
  const std::string refused = s.ask("GET /events" + std::string(last));
  CHECK(refused.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(refused.contains("Retry-After: 1\r\n"));
  first.close();
  CHECK(test::eventually([&] {
    s.events.add({.name = "draining"});
    auto third = s.connect();
    third.send_all("GET /events HTTP/1.1\r\n\r\n");
    return third.receive(12) == "HTTP/1.1 200";
  }));
}

TEST_CASE("http server: the memory for answers that nobody reads is bounded") {
  http_limits limits;
  limits.answer_bytes = large_answer;
  const served s(limits);
  auto first = s.connect();
  auto second = s.connect();
  first.send_all("GET /large HTTP/1.1\r\n\r\n");
  CHECK(receives(first, "200 OK"));
  second.send_all("GET /large HTTP/1.1\r\n\r\n");
  CHECK(receives(second, "503 Service Unavailable"));
  CHECK(s.ask("GET /small" + std::string(last)).contains("200 OK"));
  CHECK(receives(first, "the end"));
  CHECK(test::eventually(
      [&] { return s.ask("GET /large" + std::string(last)).ends_with("the end"); }));
}

TEST_CASE("http server: an idle stream of events gets comments") {
  http_limits limits;
  limits.keep_alive = 20ms;
  const served s(limits);
  auto reader = s.connect();
  reader.send_all("GET /events HTTP/1.1\r\n\r\n");
  CHECK(receives(reader, "\r\n\r\n: keep-alive\n\n: keep-alive\n\n"));
}

}  // namespace
}  // namespace rathole::admin
