#pragma once

#include "eventually.hpp"
#include "proc.hpp"
#include "services.hpp"
#include "tunnel.hpp"
#include "visitors.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <list>
#include <string>
#include <vector>

/// Scenarios of a tunnel for any combination of programs at its ends.
namespace rathole::test::scenario {

/// The number of simultaneous visitors, of 1 MiB each, that a transport must carry.
inline constexpr std::size_t crowd_size = sanitized ? 20 : 100;

inline bool serves(std::uint16_t port, std::string_view greeting = {}) {
  return eventually([&] { return round_trip(port, "hello through the tunnel", greeting); });
}

inline void concurrent_visitors(const pairing& programs) {
  service local(echo);
  tunnel t(programs);
  const std::uint16_t port = t.add("echo", local.port());
  t.start();
  INFO(t.logs());
  REQUIRE(serves(port));
  visitor_crowd crowd(200, 1 << 20, 20240501);
  CHECK(crowd.visit(port, std::chrono::seconds{90}) == "");
  CHECK(round_trip(port));
}

inline void echo_once(const pairing& programs) {
  service local(echo);
  tunnel t(programs);
  const std::uint16_t port = t.add("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  CHECK(eventually([&] { return answered(port); }));
}

/// For every transport: each visitor leaves when it has received its response.
inline void crowd(const pairing& programs) {
  service local(echo);
  tunnel t(programs);
  const std::uint16_t port = t.add("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return answered(port); }));
  visitor_crowd visitors(crowd_size, 1 << 20, 20240502, end_of_sending::after_answer);
  CHECK(visitors.visit(port, std::chrono::seconds{90}) == "");
  CHECK(answered(port));
}

inline void half_close(const pairing& programs) {
  service local(answer_late);
  tunnel t(programs);
  const std::uint16_t port = t.add("late", local.port());
  t.start();
  INFO(t.logs());
  REQUIRE(eventually([&] { return !refused(port); }));
  for (const std::size_t size : {0U, 1U, 300'000U}) {
    CAPTURE(size);
    std::string text = random_bytes(size, 7);
    tcp_socket visitor = tcp_socket::connect(port);
    visitor.send_all(text);
    visitor.shutdown_write();
    const std::string answer = visitor.receive_all();
    std::ranges::reverse(text);
    CHECK((answer == text));
  }
}

inline void service_ends_first(const pairing& programs) {
  const std::string last_words = random_bytes(200'000, 8);
  leaving_service local(last_words);
  tunnel t(programs);
  const std::uint16_t port = t.add("leaving", local.port());
  t.start();
  INFO(t.logs());
  REQUIRE(eventually([&] { return !refused(port); }));
  tcp_socket visitor = tcp_socket::connect(port);
  CHECK((visitor.receive_all() == last_words));
  const std::string text = random_bytes(300'000, 9);
  visitor.send_all(text);
  visitor.shutdown_write();
  CHECK(eventually([&] { return local.has_received(text); }));
}

/// Checks that each end reaches the other side at once, whichever closes first. The bound is far
/// above the usual time, and far below any time for which an end might be postponed.
inline void ends_are_passed_on(const pairing& programs) {
  constexpr std::chrono::seconds at_once{2};
  std::atomic<int> ends_received = 0;
  service local([&](tcp_socket& socket) {
    const std::string request = socket.receive(5);
    if (request == "fetch") return socket.send_all("answer");
    if (request != "greet") return;
    socket.send_all("greeting");
    ends_received += socket.ends() ? 1 : 0;
  });
  tunnel t(programs);
  const std::uint16_t port = t.add("ends", local.port());
  t.start_server_first();
  INFO(t.logs());
  const auto fetch = [port] {
    tcp_socket visitor = tcp_socket::connect(port);
    visitor.send_all("fetch");
    return visitor.receive_all();
  };
  REQUIRE(eventually([&] { return !refused(port) && fetch() == "answer"; }));
  for (int i = 1; i <= 3; ++i) {
    CAPTURE(i);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(fetch() == "answer");
    CHECK(std::chrono::steady_clock::now() - begin < at_once);
    {
      tcp_socket visitor = tcp_socket::connect(port);
      visitor.send_all("greet");
      CHECK(visitor.receive(8) == "greeting");
    }
    CHECK(eventually([&] { return ends_received == i; }, at_once));
  }
}

inline void wrong_token(const pairing& programs) {
  service good(echo);
  service never(echo);
  tunnel t(programs);
  const std::uint16_t closed = t.add("closed", never.port(), "what the server holds", "a guess");
  const std::uint16_t port = t.add("good", good.port());
  t.start();
  INFO(t.logs());
  REQUIRE(serves(port));
  CHECK(t.client->wait_for("Incorrect token"));
  CHECK(refused(closed));
  CHECK(never.accepted() == 0);
  CHECK(round_trip(port));
}

inline void unknown_service(const pairing& programs) {
  service good(echo);
  service never(echo);
  tunnel t(programs);
  t.add_client_only("unheard-of", never.port());
  const std::uint16_t waiting = t.add_server_only("clientless");
  const std::uint16_t port = t.add("good", good.port());
  t.start();
  INFO(t.logs());
  REQUIRE(serves(port));
  CHECK(t.client->wait_for("Service not exist"));
  CHECK(never.accepted() == 0);
  CHECK(refused(waiting));
  CHECK(round_trip(port));
}

inline void dead_service(const pairing& programs) {
  service good(echo);
  const reserved_port unused_port;
  tunnel t(programs);
  const std::uint16_t dead = t.add("dead", unused_port);
  const std::uint16_t port = t.add("good", good.port());
  t.start();
  INFO(t.logs());
  REQUIRE(serves(port));
  REQUIRE(eventually([&] { return !refused(dead); }));
  for (int i = 0; i < 20; ++i) {
    tcp_socket visitor = tcp_socket::connect(dead);
    CHECK(visitor.ends());
  }
  CHECK(round_trip(port));
}

inline void vanishing_visitors(const pairing& programs) {
  service local(echo);
  tunnel t(programs);
  const std::uint16_t port = t.add("echo", local.port());
  t.start();
  INFO(t.logs());
  REQUIRE(serves(port));
  tcp_socket patient = tcp_socket::connect(port);
  const std::string much = random_bytes(1 << 20, 10);
  for (int i = 0; i < 30; ++i) {
    tcp_socket visitor = tcp_socket::connect(port);
    visitor.send_all(std::string_view(much).substr(0, i % 3 == 0 ? 0 : much.size() / 4));
    if (i % 3 == 2) visitor.receive(65536);
    visitor.reset();
  }
  for (int i = 0; i < 10; ++i) {
    tcp_socket visitor = tcp_socket::connect(port);
    visitor.send_all("still there?");
    CHECK(visitor.receive(12) == "still there?");
  }
  patient.send_all("me too");
  CHECK(patient.receive(6) == "me too");
}

/// A visitor that does not read fills the buffers on the path.
inline void stalled_visitor(const pairing& programs) {
  service local(echo);
  tunnel t(programs);
  const std::uint16_t port = t.add("echo", local.port());
  t.start();
  INFO(t.logs());
  REQUIRE(serves(port));
  const std::string much = random_bytes(64 << 20, 13);
  tcp_socket stalled = tcp_socket::connect(port);
  const std::size_t sent = stalled.send_until_blocked(much, std::chrono::milliseconds{500});
  for (int i = 0; i < 10; ++i) CHECK(round_trip(port));
  stalled.shutdown_write();
  const std::string answer = stalled.receive_all();
  CHECK((answer == much.substr(0, sent)));
}

inline void server_restart(const pairing& programs) {
  service local(echo);
  tunnel t(programs);
  const std::uint16_t port = t.add("echo", local.port());
  t.start();
  INFO(t.logs());
  for (const int number : {SIGKILL, SIGINT}) {
    CAPTURE(number);
    REQUIRE(serves(port));
    t.server->signal(number);
    REQUIRE(t.server->wait_exit() == (number == SIGINT ? 0 : 128 + SIGKILL));
    CHECK(refused(port));
    t.start_server();
  }
  CHECK(serves(port));
}

inline void client_restart(const pairing& programs) {
  service local(echo);
  tunnel t(programs);
  const std::uint16_t port = t.add("echo", local.port());
  t.start();
  INFO(t.logs());
  for (const int number : {SIGKILL, SIGINT}) {
    CAPTURE(number);
    REQUIRE(serves(port));
    t.client->signal(number);
    REQUIRE(t.client->wait_exit() == (number == SIGINT ? 0 : 128 + SIGKILL));
    t.start_client();
  }
  CHECK(serves(port));
}

inline void ten_services(const pairing& programs) {
  std::list<service> locals;
  std::vector<std::uint16_t> ports;
  tunnel t(programs);
  for (int i = 0; i < 10; ++i) {
    const std::string name = "service " + std::to_string(i);
    locals.emplace_back(greet(name + ": "));
    ports.push_back(t.add(name, locals.back().port()));
  }
  t.start();
  INFO(t.logs());
  for (int i = 0; i < 10; ++i)
    CHECK(serves(ports[static_cast<std::size_t>(i)], "service " + std::to_string(i) + ": "));
}

inline void newer_client_serves(const pairing& programs) {
  service first(greet("first: "));
  service second(greet("second: "));
  tunnel t(programs);
  const std::uint16_t port = t.add("contested", first.port());
  t.start();
  INFO(t.logs());
  REQUIRE(serves(port, "first: "));
  t.start_competitor({second.port()});
  REQUIRE(serves(port, "second: "));
  t.client->kill();
  REQUIRE(serves(port, "second: "));
  CHECK(round_trip(port, "and stays", "second: "));
}

inline void forward_outlives_control_channel(const pairing& programs) {
  service first(greet("first: "));
  service second(greet("second: "));
  tunnel t(programs);
  const std::uint16_t port = t.add("contested", first.port());
  t.start();
  INFO(t.logs());
  REQUIRE(serves(port, "first: "));
  tcp_socket visitor = tcp_socket::connect(port);
  visitor.send_all("before");
  REQUIRE(visitor.receive(13) == "first: before");
  t.start_competitor({second.port()});
  REQUIRE(serves(port, "second: "));
  visitor.send_all("after");
  CHECK(visitor.receive(5) == "after");
  visitor.shutdown_write();
  CHECK(visitor.receive_all() == "");
}

}  // namespace rathole::test::scenario
