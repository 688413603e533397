// A relay between a socket and a stream of a multiplexed connection: two of them, at the two ends of
// the connection, are a tunnel between two sockets.

#include "support/net.hpp"
#include "support/sim_world.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/mux/connection.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/tcp/stream.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;
using runtime = io::asio_runtime;
using connection = io::mux_connection<runtime, io::tcp_stream>;
using server_relay = io::relay<runtime, io::tcp_stream, io::mux_stream>;
using client_relay = io::relay<runtime, io::mux_stream, io::tcp_stream>;
static_assert(std::is_same_v<server_relay, io::mux_relay<runtime>>);
static_assert(std::is_same_v<client_relay, io::mux_relay<runtime>>);

/// One of the two sockets outside, and what passes through it.
class outside {
 public:
  explicit outside(tcp_socket socket) : socket_(std::move(socket)) {
    ::fcntl(socket_.fd(), F_SETFL, O_NONBLOCK);
  }

  /// Sends what the socket takes; returns whether there was progress.
  bool send_some(std::size_t at_most = std::string::npos) {
    const std::size_t count = std::min(at_most, to_send.size() - sent);
    if (count == 0) return false;
    const auto done = ::send(socket_.fd(), to_send.data() + sent, count, MSG_NOSIGNAL);
    if (done > 0) sent += static_cast<std::size_t>(done);
    return done > 0;
  }

  /// Receives; returns whether there was progress.
  bool receive_some(std::size_t at_most = 65536) {
    if (has_ended || error != 0) return false;
    std::string room(at_most, '\0');
    const auto taken = ::recv(socket_.fd(), room.data(), room.size(), 0);
    if (taken > 0) received.append(room, 0, static_cast<std::size_t>(taken));
    if (taken == 0) has_ended = true;
    if (taken < 0 && errno != EAGAIN) error = errno;
    return taken >= 0 || error != 0;
  }

  void end_sending() { socket_.shutdown_write(); }
  void reset() { socket_.reset(); }
  [[nodiscard]] int fd() const { return socket_.fd(); }

  std::string to_send;
  std::size_t sent = 0;
  std::string received;
  bool has_ended = false;
  int error = 0;

 private:
  tcp_socket socket_;
};

template <class Relay>
io::awaitable<void> keep(Relay& relay, std::optional<io::relay_status>& status) {
  status = co_await relay.run();
}

/// A tunnel from `left`, a visitor of the server, to `right`, a service of the client.
class tunnel {
 public:
  explicit tunnel(io::relay_limits limits = {}, std::string_view corked = {}) {
    ::signal(SIGPIPE, SIG_IGN);
    auto [client_wire, server_wire] = wire();
    const mux::settings own;
    client = connection::make(runtime(context), std::move(client_wire), mux::role::client, own,
                              own.allowed());
    server = connection::make(runtime(context), std::move(server_wire), mux::role::server, own,
                              own.allowed());
    client->authenticated();
    server->authenticated();
    std::optional<io::mux_stream> accepted;
    server->set_on_open([&](io::mux_stream opened) { accepted = std::move(opened); });
    tasks.spawn(run(client));
    tasks.spawn(run(server));
    auto opened = client->open();
    REQUIRE(opened);
    // A stream is announced with its first frame.
    tasks.spawn(write(*opened, "x"));
    run_until([&] { return accepted.has_value(); });
    server->set_on_open(nullptr);
    std::uint8_t first = 0;
    run_until([&] { return accepted->read_now({&first, 1}).has_value(); });
    if (!corked.empty()) tasks.spawn(cork(*accepted, corked));
    context.restart();
    context.poll();

    auto [left_inside, left_outside] = connected();
    auto [right_inside, right_outside] = connected();
    left.emplace(std::move(left_outside));
    right.emplace(std::move(right_outside));
    at_server.emplace(runtime(context), std::move(left_inside), std::move(*accepted), limits);
    at_client.emplace(runtime(context), std::move(*opened), std::move(right_inside), limits);
    tasks.spawn(keep(*at_server, server_status));
    tasks.spawn(keep(*at_client, client_status));
  }
  ~tunnel() {
    client->abort();
    server->abort();
    context.restart();
    context.run_for(10s);
    CHECK(has_run == 2);
  }

  /// Runs until `done()`, which must become true.
  template <class F>
  void run_until(F done) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      context.restart();
      if (context.poll() == 0) context.run_for(1ms);
    }
  }
  /// Runs until both relays have ended, and both sockets outside have seen it.
  void finish() {
    run_until([this] {
      left->receive_some(), right->receive_some();
      left->send_some(), right->send_some();
      const auto is_over = [](const outside& at) { return at.has_ended || at.error != 0; };
      return server_status && client_status && is_over(*left) && is_over(*right);
    });
  }

  asio::io_context context{1};
  std::shared_ptr<connection> client;
  std::shared_ptr<connection> server;
  int has_run = 0;
  std::optional<outside> left;
  std::optional<outside> right;
  std::optional<server_relay> at_server;
  std::optional<client_relay> at_client;
  std::optional<io::relay_status> server_status;
  std::optional<io::relay_status> client_status;
  io::task_group tasks{context.get_executor()};

 private:
  io::awaitable<void> run(std::shared_ptr<connection> which) {
    co_await which->run();
    ++has_run;
  }
  static io::awaitable<void> write(io::mux_stream& to, std::string_view text) {
    co_await to.write(bytes(text));
  }
  static io::awaitable<void> cork(io::mux_stream& to, std::string_view text) {
    co_await to.write_corked(bytes(text));
  }

  io::tcp_stream inside(const tcp_socket& from) {
    const int own = ::dup(from.fd());
    ::fcntl(own, F_SETFL, O_NONBLOCK);
    return {context.get_executor(), io::descriptor(own), address{"127.0.0.1", 1}};
  }
  std::pair<io::tcp_stream, tcp_socket> connected() {
    tcp_socket listener = tcp_socket::listen();
    tcp_socket dialled = tcp_socket::connect(listener.port());
    auto accepted = listener.accept();
    return {inside(*accepted), std::move(dialled)};
  }
  std::pair<io::tcp_stream, io::tcp_stream> wire() {
    auto [first, second] = connected();
    return {std::move(first), inside(second)};
  }
};

std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string out(size, '\0');
  for (char& byte : out) byte = static_cast<char>(random());
  return out;
}

}  // namespace

TEST_SUITE("mux relay") {
  TEST_CASE("whatever the two sides send, and whichever ends first, all of it arrives") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      const auto up_to = [&random](std::size_t limit) { return random() % (limit + 1); };
      tunnel both;
      outside* const ends[] = {&*both.left, &*both.right};
      bool has_closed[] = {false, false};
      for (outside* end : ends) {
        // Some exceed what the windows and the sockets hold.
        end->to_send = random_bytes(random, up_to(std::size_t{1} << up_to(23)));
      }
      const std::size_t lazy = up_to(3);
      both.run_until([&] {
        for (const std::size_t i : {0U, 1U}) {
          outside& end = *ends[i];
          end.send_some(up_to(200'000));
          if (i != lazy || up_to(20) == 0) end.receive_some(1 + up_to(300'000));
          if (end.sent == end.to_send.size() && !has_closed[i] && up_to(3) == 0) {
            end.end_sending();
            has_closed[i] = true;
          }
        }
        return both.left->has_ended && both.right->has_ended && both.server_status &&
               both.client_status;
      });
      CHECK(both.left->received == both.right->to_send);
      CHECK(both.right->received == both.left->to_send);
      for (const auto& status : {both.server_status, both.client_status}) {
        CHECK_FALSE(status->error);
        CHECK(status->forth == both.left->to_send.size());
        CHECK(status->back == both.right->to_send.size());
      }
      both.run_until([&] { return both.client->streams() + both.server->streams() == 0; });
      CHECK_FALSE(both.client->has_ended());
    }
  }

  TEST_CASE("a side that is reset resets the other one, and both relays know which it was") {
    for (const bool is_left : {true, false}) {
      CAPTURE(is_left);
      for (const bool is_busy : {true, false}) {
        CAPTURE(is_busy);
        tunnel both;
        outside& broken = is_left ? *both.left : *both.right;
        outside& other = is_left ? *both.right : *both.left;
        // The one that is reset reads nothing, so what is on its way fills everything.
        if (is_busy) other.to_send.assign(std::size_t{64} << 20, 'x');
        int still = 0;
        both.run_until([&] { return other.send_some() ? still = 0, false : ++still > 100; });
        broken.reset();
        both.run_until([&] {
          other.receive_some();
          return both.server_status && both.client_status && other.error != 0;
        });
        CHECK(other.error == ECONNRESET);
        CHECK(both.server_status->first_broke == is_left);
        CHECK(both.client_status->first_broke == is_left);
        CHECK(both.server_status->error);
        CHECK(both.client_status->error);
        both.run_until([&] { return both.client->streams() + both.server->streams() == 0; });
      }
    }
  }

  TEST_CASE("what follows an urgent byte is not held back") {
    tunnel both;
    const std::string text =
        "before\xff"
        "after";
    both.run_until([&] { return both.context.poll() == 0; });
    // Together, so that a read stops in front of the urgent byte.
    ::send(both.left->fd(), text.data(), 6, MSG_MORE);
    ::send(both.left->fd(), text.data() + 6, 1, MSG_OOB | MSG_MORE);
    ::send(both.left->fd(), text.data() + 7, 5, 0);
    both.run_until([&] {
      both.right->receive_some();
      return both.right->received.ends_with("after");
    });
    CHECK(both.right->received.starts_with("before"));
  }

  TEST_CASE("an end that comes with the last bytes is passed on") {
    for (int turns = 0; turns < 4; ++turns) {
      CAPTURE(turns);
      tunnel both;
      both.left->to_send = "question";
      both.left->send_some();
      for (int i = 0; i < turns; ++i) both.context.restart(), both.context.poll_one();
      both.left->end_sending();
      both.run_until([&] {
        both.right->receive_some();
        return both.right->has_ended;
      });
      CHECK(both.right->received == "question");
      both.right->to_send = "answer";
      both.right->send_some();
      both.right->end_sending();
      both.finish();
      CHECK(both.left->received == "answer");
      CHECK_FALSE(both.server_status->error);
    }
  }

  TEST_CASE("corked bytes precede what the socket has received") {
    tunnel both({}, "corked, ");
    both.left->to_send = "and sent";
    both.left->send_some();
    both.run_until([&] {
      both.right->receive_some();
      return both.right->received.size() >= 16;
    });
    CHECK(both.right->received == "corked, and sent");
  }

  TEST_CASE("corked bytes are sent although the socket has received nothing") {
    tunnel both({}, "corked");
    both.run_until([&] {
      both.right->receive_some();
      return both.right->received == "corked";
    });
  }

  TEST_CASE("a side that does not read stops the other one, and what is held has a bound") {
    tunnel both;
    both.left->to_send.assign(std::size_t{64} << 20, 'x');
    int still = 0;
    both.run_until([&] { return both.left->send_some() ? still = 0, false : ++still > 100; });
    CHECK(both.left->sent < both.left->to_send.size());
    // What the relays hold, beside the buffers of the sockets: one window.
    const std::uint64_t taken = both.at_server->status().forth;
    const std::uint64_t given = both.at_client->status().forth;
    CHECK(taken > given);
    CHECK(taken - given <= mux::max_window);
    both.left->end_sending();
    both.right->end_sending();
    both.finish();
    CHECK(both.right->received.size() == both.left->sent);
  }

  TEST_CASE("a connection that is cut resets both sides") {
    tunnel both;
    both.left->to_send = "question";
    both.left->send_some();
    both.run_until([&] { return both.right->receive_some(); });
    both.client->abort();
    both.finish();
    CHECK(both.left->error == ECONNRESET);
    CHECK(both.right->error == ECONNRESET);
    CHECK(both.client_status->error == errc::stopped);
    CHECK(both.server_status->error);
    CHECK_FALSE(both.server_status->first_broke);
    CHECK(both.client_status->first_broke);
  }

  TEST_CASE("a connection that ends after both ends of a stream loses none of its bytes") {
    tunnel both;
    both.right->end_sending();
    both.left->to_send.assign(std::size_t{8} << 20, 'x');
    int still = 0;
    both.run_until([&] { return both.left->send_some() ? still = 0, false : ++still > 100; });
    both.left->end_sending();
    both.right->receive_some(std::size_t{1} << 20);
    // The rest waits at the client for its socket.
    both.run_until([&] {
      both.right->receive_some(65536);
      return both.server_status.has_value();
    });
    CHECK_FALSE(both.server_status->error);
    both.server->go_away();
    both.finish();
    CHECK(both.right->received.size() == both.left->sent);
    CHECK(both.right->has_ended);
    CHECK_FALSE(both.client_status->error);
  }

  TEST_CASE("stopping resets both sides") {
    tunnel both;
    both.run_until([&] { return both.context.poll() == 0; });
    both.at_server->stop();
    both.finish();
    CHECK(both.left->error == ECONNRESET);
    CHECK(both.right->error == ECONNRESET);
    CHECK(both.server_status->error == errc::stopped);
  }

  TEST_CASE("a relay that is idle beyond the limit resets both sides") {
    tunnel both({.idle = 50ms});
    both.finish();
    CHECK(both.left->error == ECONNRESET);
    CHECK(both.right->error == ECONNRESET);
    CHECK((both.server_status->error == errc::timed_out ||
           both.client_status->error == errc::timed_out));
  }
}

}  // namespace rathole::test
