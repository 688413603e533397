// Relays of streams that share a connection, of whose allocations each fails in turn. No byte of one
// stream arrives on another one, none ends in order that is incomplete, and nothing hangs.

#include "support/failing_allocator.hpp"
#include "support/joined_stream.hpp"
#include "support/sim_world.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/mux/connection.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/tcp/stream.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;
using runtime = io::asio_runtime;
using connection = io::mux_connection<runtime, io::tcp_stream>;
using relay = io::mux_relay<runtime>;

constexpr std::size_t streams = 3;
/// More than the sockets and the first window hold.
constexpr std::size_t bulk = 50'000;
constexpr int socket_buffer = 4096;

/// Returns bytes that are unique to a stream and direction.
std::string marked(std::size_t number) {
  std::string out(bulk, '\0');
  for (std::size_t i = 0; i < bulk; ++i) {
    out[i] = static_cast<char>(number * 16 + (i * 7 + i / 251) % 16);
  }
  return out;
}

/// A socket outside the tunnel, which sends everything and its end, and reads a little at a time.
class outer_end {
 public:
  outer_end(io::descriptor socket, std::string to_send)
      : to_send_(std::move(to_send)), socket_(std::move(socket)) {}

  void pump() {
    if (sent_ < to_send_.size()) {
      const auto sent = ::send(socket_.get(), to_send_.data() + sent_, to_send_.size() - sent_,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) sent_ += static_cast<std::size_t>(sent);
      if (sent_ == to_send_.size()) ::shutdown(socket_.get(), SHUT_WR);
    }
    char some[3000];
    const auto taken = ::recv(socket_.get(), some, sizeof some, MSG_DONTWAIT);
    if (taken > 0) got_.append(some, static_cast<std::size_t>(taken));
    if (taken == 0) has_ended_ = true;
  }

  [[nodiscard]] bool has_got(const outer_end& other) const {
    return has_ended_ && got_ == other.to_send_;
  }
  /// Returns whether the bytes received so far are those that `other` has sent.
  [[nodiscard]] bool is_intact(const outer_end& other) const {
    return other.to_send_.starts_with(got_);
  }

 private:
  std::string to_send_;
  io::descriptor socket_;
  std::string got_;
  std::size_t sent_ = 0;
  bool has_ended_ = false;
};

/// Three tunnels over one connection.
class tunnels {
 public:
  tunnels() {
    auto [near, far] = wire();
    const mux::settings own;
    client_ =
        connection::make(runtime(context), std::move(near), mux::role::client, own, own.allowed());
    server_ =
        connection::make(runtime(context), std::move(far), mux::role::server, own, own.allowed());
    client_->authenticated();
    server_->authenticated();
    server_->set_on_open([this](io::mux_stream opened) {
      // Streams may be accepted in another order, or not at all.
      const std::size_t number = (opened.flow().id - 1) / 2;
      group_.spawn(run(std::move(opened), right_inside_[number]));
    });
    for (std::size_t i = 0; i < streams; ++i) {
      left.push_back(outside(left_inside_, 2 * i));
      right.push_back(outside(right_inside_, 2 * i + 1));
    }
    group_.spawn(drive(client_));
    group_.spawn(drive(server_));
    context.poll();
    for (std::size_t i = 0; i < streams; ++i) {
      auto opened = client_->open();
      REQUIRE(opened);
      group_.spawn(run(std::move(*opened), left_inside_[i]));
    }
  }
  ~tunnels() {
    client_->abort();
    server_->abort();
    context.restart();
    context.run();
    CHECK(ended_ == 2);
  }

  [[nodiscard]] bool is_over() const { return relays_ == 0 && has_begun_; }

  asio::io_context context{1};
  std::deque<outer_end> left;
  std::deque<outer_end> right;

 private:
  std::pair<io::tcp_stream, io::tcp_stream> wire() {
    auto [near, end] = joined_stream(context, socket_buffer);
    return {std::move(near), io::tcp_stream(context.get_executor(), std::move(end), {})};
  }
  outer_end outside(std::deque<std::optional<io::tcp_stream>>& inside, std::size_t number) {
    auto [stream, end] = joined_stream(context, socket_buffer);
    inside.emplace_back(std::move(stream));
    return {std::move(end), marked(number)};
  }

  io::awaitable<void> drive(std::shared_ptr<connection> which) {
    co_await which->run();
    ++ended_;
  }
  io::awaitable<void> run(io::mux_stream stream, std::optional<io::tcp_stream>& plain) {
    ++relays_;
    has_begun_ = true;
    const auto count_out = [this](void*) { --relays_; };
    const std::unique_ptr<void, decltype(count_out)> counted(this, count_out);
    io::tcp_stream taken = std::move(*plain);
    plain.reset();
    relay both(runtime(context), std::move(taken), std::move(stream));
    co_await both.run();
  }

  std::shared_ptr<connection> client_;
  std::shared_ptr<connection> server_;
  std::deque<std::optional<io::tcp_stream>> left_inside_;
  std::deque<std::optional<io::tcp_stream>> right_inside_;
  int relays_ = 0;
  bool has_begun_ = false;
  int ended_ = 0;
  io::task_group group_{context.get_executor()};
};

/// Lets allocation `failing` fail. Returns whether there was such an allocation.
bool has_failed(std::uint64_t failing) {
  tunnels all;
  failing_allocator memory(failing);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!all.is_over()) {
    if (std::chrono::steady_clock::now() > deadline) {
      FAIL_CHECK("it hangs");
      break;
    }
    try {
      const failing_allocator::armed now;
      all.context.restart();
      all.context.poll();
    } catch (const std::bad_alloc&) {
      // From a coroutine of this test.
    }
    for (auto* ends : {&all.left, &all.right}) {
      for (outer_end& each : *ends) each.pump();
    }
  }
  for (int i = 0; i < 100; ++i) {
    for (auto* ends : {&all.left, &all.right}) {
      for (outer_end& each : *ends) each.pump();
    }
  }
  std::size_t complete = 0;
  for (std::size_t i = 0; i < streams; ++i) {
    CHECK(all.left[i].is_intact(all.right[i]));
    CHECK(all.right[i].is_intact(all.left[i]));
    complete += all.left[i].has_got(all.right[i]) && all.right[i].has_got(all.left[i]);
  }
  if (!memory.has_failed()) CHECK(complete == streams);
  return memory.has_failed();
}

}  // namespace

TEST_CASE("memory: a shortage anywhere in relays of multiplexed streams mixes no bytes") {
  ::signal(SIGPIPE, SIG_IGN);
  std::uint64_t failing = 1;
  for (; has_failed(failing); ++failing) CAPTURE(failing);
  CHECK(failing > 50);
}

}  // namespace rathole::test
