#include "../support/eventually.hpp"
#include "../support/manual_client.hpp"
#include "../support/our_program.hpp"
#include "../support/proc.hpp"
#include "../support/services.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace rathole::test {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using namespace std::string_literals;

/// A tunnel to an echo service whose server port is open to hostile peers.
struct echo_tunnel {
  service local{echo};
  tunnel both{{"our server, our client", our_program(), our_program()}};
  std::uint16_t port = both.add("echo", local.port());

  void start() {
    both.start();
    REQUIRE(serves());
  }
  bool serves() const {
    return eventually([&] { return round_trip(port); });
  }
  std::size_t descriptors() const { return open_descriptors(*both.server); }
};

long milliseconds_since(clock::time_point begin) {
  return static_cast<long>(std::chrono::duration_cast<milliseconds>(clock::now() - begin).count());
}

/// Raises this process's descriptor limit to what the scenarios need.
void allow_many_sockets() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Visits an echo service repeatedly until it is destroyed, and records the longest times.
class steady_visitor {
 public:
  explicit steady_visitor(std::uint16_t port) : port_(port), thread_([this] { run(); }) {}
  ~steady_visitor() { finish(); }

  void finish() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stopped_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  /// While off, failed visits are not counted.
  void expect_service(bool on) { expecting_ = on; }
  long worst() const { return worst_; }
  long visits() const { return visits_; }
  long failures() const { return failures_; }

 private:
  void run() {
    while (!stopping_) {
      const bool expected = expecting_;
      const auto begin = clock::now();
      const bool served = round_trip(port_, "hello", {}, std::chrono::seconds{10});
      if (expected && expecting_) {
        ++visits_;
        failures_ += served ? 0 : 1;
        worst_ = std::max(worst_.load(), milliseconds_since(begin));
      }
      std::unique_lock lock(mutex_);
      stopped_.wait_for(lock, milliseconds{10}, [this] { return stopping_.load(); });
    }
  }

  std::uint16_t port_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> expecting_ = true;
  std::atomic<long> worst_ = 0;
  std::atomic<long> visits_ = 0;
  std::atomic<long> failures_ = 0;
  std::thread thread_;
};

TEST_CASE("hostile: a flood from the client's own address keeps nobody out") {
  // The whole scenario takes 10 s of random bytes; RATHOLE_HOSTILE=full asks for it.
  const char* asked = std::getenv("RATHOLE_HOSTILE");
  const int peer_count = asked != nullptr && asked == "full"s ? 2000 : 300;
  constexpr int peers_per_second = 200;
  allow_many_sockets();
  echo_tunnel t;
  t.start();
  INFO(t.both.logs());
  // The program has allocated its buffers and tables once it has served visitors.
  visitor_crowd warm_up(20, 100'000, 21);
  REQUIRE(warm_up.visit(t.port, test_timeout) == "");
  CHECK(t.serves());
  const std::size_t descriptors_before = t.descriptors();
  const long memory_before = anonymous_memory(*t.both.server);
  long memory_most = 0;

  steady_visitor visitor(t.port);
  long back_after = 0;
  {
    std::vector<tcp_socket> silent;
    for (int i = 0; i < 2000; ++i) silent.push_back(tcp_socket::connect(t.both.port()));
    CHECK(t.descriptors() < descriptors_before + 1024 + 64);
    memory_most = anonymous_memory(*t.both.server);
    std::vector<tcp_socket> peers;
    std::jthread watch;
    const auto begin = clock::now();
    for (int i = 0; i < peer_count; ++i) {
      std::this_thread::sleep_until(begin + i * milliseconds{1000} / peers_per_second);
      peers.push_back(tcp_socket::connect(t.both.port()));
      const auto seed = static_cast<std::uint64_t>(i);
      try {
        peers.back().send_all(random_bytes(1 + seed % 200, seed));
      } catch (const std::system_error&) {
        // The server may close the connection before it has read everything.
      }
      if (i == peer_count / 2) {
        visitor.expect_service(false);
        const auto restarted = clock::now();
        t.both.start_client();
        watch = std::jthread([&, restarted] {
          eventually([&] { return round_trip(t.port, "back?", {}, milliseconds{500}); });
          back_after = milliseconds_since(restarted);
          visitor.expect_service(true);
        });
      }
    }
    watch.join();
    memory_most = std::max(memory_most, anonymous_memory(*t.both.server));
  }
  visitor.finish();
  CHECK(visitor.failures() == 0);
  CHECK(visitor.visits() > 10);
  CHECK(visitor.worst() < 10'000);
  CHECK(back_after < 30'000);
  CHECK(t.serves());
  const auto settled = clock::now();
  CHECK(eventually([&] { return t.descriptors() <= descriptors_before + 8; }));
  if (memory_counts) {
    CHECK(eventually([&] { return anonymous_memory(*t.both.server) <= memory_before + 1024; }));
  }
  MESSAGE("visits: " << visitor.visits() << ", the slowest " << visitor.worst()
                     << " ms; a restarted client back after " << back_after << " ms");
  MESSAGE("descriptors: " << descriptors_before << " before, " << t.descriptors()
                          << " after; anonymous memory (KiB): " << memory_before << " before, "
                          << memory_most << " at most, " << anonymous_memory(*t.both.server)
                          << " after " << milliseconds_since(settled) << " ms");
}

TEST_CASE("hostile: refused connections are logged once per kind, not once each") {
  echo_tunnel t;
  t.start();
  INFO(t.both.logs());
  for (int i = 0; i < 50; ++i) {
    manual_client wrong(t.both.port());
    wrong.say_hello("echo");
    wrong.session_key[0] ^= 1;
    wrong.control.send_all(wrong.auth());
    CHECK(wrong.control.receive(4) == "\x02\0\0\0"s);
    manual_client ghost(t.both.port());
    ghost.control.send_all(control_hello("ghost"));
    CHECK(ghost.control.receive(41).size() == 41);
    tcp_socket other = tcp_socket::connect(t.both.port());
    other.send_all(std::string(37, 'x'));
    CHECK(other.ends());
  }
  t.both.server->signal(SIGTERM);
  REQUIRE(t.both.server->wait_exit() == 0);
  const std::string logs = t.both.server->output();
  const auto count = [&](std::string_view text) {
    std::size_t n = 0;
    for (const std::string& line : lines(logs)) n += line.find(text) != line.npos ? 1 : 0;
    return n;
  };
  CHECK(count("failed the authentication") == 1);
  CHECK(count("No such a service") == 1);
  CHECK(count("Refused 150 connections from 1 source in") == 1);
  CHECK(count("50 wrong token") == 1);
}

TEST_CASE("hostile: bytes that arrive one at a time are accepted until the deadline") {
  echo_tunnel t;
  t.both.server_keys = "handshake_timeout = 1";
  t.start();
  INFO(t.both.logs());
  // A slow peer is accepted.
  tcp_socket slow = tcp_socket::connect(t.both.port());
  for (const char byte : control_hello("echo")) slow.send_all({&byte, 1});
  CHECK(slow.receive(protocol::bincode::hello_size).size() == protocol::bincode::hello_size);
  // It has the same deadline as others.
  tcp_socket slower = tcp_socket::connect(t.both.port());
  const auto begin = clock::now();
  bool closed = false;
  while (!closed && clock::now() - begin < test_timeout) {
    try {
      slower.send_all({"\0", 1});
      slower.time_limit(milliseconds{100});
      closed = slower.ends();
    } catch (const std::system_error& error) {
      closed = error.code() != std::errc::resource_unavailable_try_again;
    }
    if (milliseconds_since(begin) > 3'000) slower.time_limit(test_timeout);
  }
  CHECK(closed);
  CHECK(t.serves());
}

TEST_CASE("hostile: messages out of order, replayed, or of another session are refused") {
  echo_tunnel t;
  t.both.server_keys = "handshake_timeout = 2";
  t.start();
  INFO(t.both.logs());
  const std::uint16_t spare = t.both.add_server_only("spare");
  t.both.start_server();
  REQUIRE(t.serves());
  const std::uint16_t port = t.both.port();

  manual_client first(port);
  REQUIRE(first.authenticate("spare"));
  const std::string recorded = control_hello("spare") + first.auth();
  manual_client replay(port);
  replay.control.send_all(recorded);
  CHECK(replay.control.receive(41).substr(37) == "\x02\0\0\0"s);
  CHECK(replay.control.ends());

  // A token authenticates one service only.
  manual_client other(port);
  other.say_hello("echo");
  other.session_key = first.session_key;
  other.control.send_all(other.auth());
  CHECK(other.control.receive(4) == "\x02\0\0\0"s);

  const auto silent_end = [&](const std::string& input) {
    tcp_socket peer = tcp_socket::connect(port);
    peer.send_all(input);
    return peer.ends();
  };
  const std::string key(32, 'k');
  CHECK(silent_end(first.auth() + control_hello("spare")));
  CHECK(silent_end(data_hello({}) + first.auth()));
  CHECK(silent_end("\0\0\0\0"s + key + key));
  CHECK(silent_end(data_hello(protocol::service_digest("spare"))));

  // The session key of a disconnected client is not accepted.
  protocol::digest gone = first.session_key;
  first.control.close();
  CHECK(eventually([&] { return refused(spare); }));
  CHECK(silent_end(data_hello(gone)));
  CHECK(t.serves());
}

TEST_CASE("hostile: data Hellos with guessed keys and half-closed connections are closed at once") {
  echo_tunnel t;
  t.both.server_keys = "handshake_timeout = 3600";
  t.start();
  INFO(t.both.logs());
  const std::size_t before = t.descriptors();
  tcp_socket running = tcp_socket::connect(t.port);
  running.send_all("before");
  REQUIRE(running.receive(6) == "before");
  for (std::uint64_t i = 0; i < 500; ++i) {
    protocol::digest key;
    const std::string guess = random_bytes(key.size(), i);
    std::copy(guess.begin(), guess.end(), key.begin());
    tcp_socket peer = tcp_socket::connect(t.both.port());
    peer.send_all(data_hello(key));
    REQUIRE(peer.ends());
  }
  // These peers have ended their own direction only.
  std::vector<tcp_socket> half_open;
  for (int i = 0; i < 200; ++i) {
    half_open.push_back(tcp_socket::connect(t.both.port()));
    half_open.back().shutdown_write();
  }
  for (tcp_socket& each : half_open) CHECK(each.ends());
  CHECK(eventually([&] { return t.descriptors() <= before + 12; }));
  running.send_all("after");
  CHECK(running.receive(5) == "after");
}

TEST_CASE("hostile: resets at each stage leak nothing") {
  echo_tunnel t;
  t.both.server_keys = "handshake_timeout = 3600";
  t.both.server_tables = "[server.pool]\nsize = 2";
  const std::uint16_t spare = t.both.add_server_only("spare");
  t.start();
  INFO(t.both.logs());
  const std::size_t before = t.descriptors();
  const std::string hello = control_hello("spare");
  for (const std::size_t length : {0u, 1u, 4u, 5u, 36u, 37u}) {
    tcp_socket peer = tcp_socket::connect(t.both.port());
    peer.send_all(hello.substr(0, length));
    peer.reset();
  }
  for (const std::size_t length : {0u, 1u, 31u, 32u}) {
    manual_client peer(t.both.port());
    peer.say_hello("spare");
    peer.control.send_all(peer.auth().substr(0, length));
    peer.control.reset();
  }
  for (const char* stage : {"idle", "waited for", "started", "control first"}) {
    CAPTURE(stage);
    manual_client peer(t.both.port());
    REQUIRE(peer.authenticate("spare"));
    REQUIRE(eventually([&] { return !refused(spare); }));
    tcp_socket channel = peer.open_data_channel();
    tcp_socket visitor = tcp_socket::connect(spare);
    if (*stage == 's') CHECK(channel.receive(4) == "\0\0\0\0"s);
    if (*stage == 'c') peer.control.reset();
    channel.reset();
    if (peer.control.fd() >= 0) peer.control.reset();
    CHECK(visitor.ends());
    CHECK(eventually([&] { return refused(spare); }));
  }
  CHECK(eventually([&] { return t.descriptors() <= before + 4; }));
  CHECK(t.serves());
}

TEST_CASE("hostile: resets of spliced connections do not affect the others") {
  echo_tunnel t;
  // Sends without end until its visitor disconnects or it resets the connection itself.
  std::atomic<bool> breaks_off = false;
  service endless_service([&](tcp_socket& socket) {
    const std::string much = random_bytes(1 << 16, 5);
    for (int i = 0; !breaks_off || i < 64; ++i) socket.send_all(much);
    socket.reset();
  });
  const std::uint16_t bulk = t.both.add("bulk", endless_service.port());
  t.start();
  REQUIRE(eventually([&] { return !refused(bulk); }));
  INFO(t.both.logs());
  std::string wrong = "did not run";
  std::jthread others([&] {
    visitor_crowd crowd(8, 8 << 20, 31);
    wrong = crowd.visit(t.port, test_timeout);
  });
  for (int round = 0; round < 10; ++round) {
    breaks_off = round % 2 == 1;
    tcp_socket visitor = tcp_socket::connect(bulk);
    if (breaks_off) {
      bool reset = false;
      try {
        visitor.receive_all();
      } catch (const std::system_error& error) {
        reset = error.code() == std::errc::connection_reset;
      }
      CHECK(reset);
    } else {
      CHECK(visitor.receive(4 << 20).size() == 4 << 20);
      visitor.reset();
    }
  }
  others.join();
  CHECK(wrong == "");
  CHECK(t.serves());
  breaks_off = true;
  endless_service.drop_connections();
}

TEST_CASE("hostile: a client that reads nothing affects only its own visitors") {
  echo_tunnel t;
  const std::uint16_t stalled_port = t.both.add_server_only("deaf");
  t.start();
  INFO(t.both.logs());
  manual_client stalled(t.both.port());
  REQUIRE(stalled.authenticate("deaf"));
  REQUIRE(eventually([&] { return !refused(stalled_port); }));
  std::vector<tcp_socket> channels;
  for (int i = 0; i < 4; ++i) channels.push_back(stalled.open_data_channel());
  const long before = anonymous_memory(*t.both.server);
  const std::string much = random_bytes(16 << 20, 41);
  std::vector<tcp_socket> visitors;
  for (int i = 0; i < 4; ++i) {
    visitors.push_back(tcp_socket::connect(stalled_port));
    visitors.back().send_until_blocked(much, milliseconds{200});
  }
  for (int i = 0; i < 50; ++i) visitors.push_back(tcp_socket::connect(stalled_port));
  CHECK(t.serves());
  if (memory_counts) CHECK(anonymous_memory(*t.both.server) - before < 8'000);
  stalled.control.reset();
  for (tcp_socket& channel : channels) channel.reset();
  for (tcp_socket& visitor : visitors) CHECK(visitor.ends());
  CHECK(t.serves());
}

}  // namespace
}  // namespace rathole::test
