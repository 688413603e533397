// A connection begins on one thread, and moves to another if it is bulky. No byte is lost, and ends
// and stops are passed on wherever it is.

#include "io/relay_fixture.hpp"
#include "support/eventually.hpp"
#include "support/framing_layer.hpp"
#include "support/joined_stream.hpp"

#include <rathole/io/carry.hpp>
#include <rathole/io/stream/layered_stream.hpp>

#include <doctest/doctest.h>

#include <asio/executor_work_guard.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <thread>
#include <type_traits>
#include <vector>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;
using layered = io::layered_stream<io::asio_runtime, framing_layer>;

/// An `io_context` with a thread that runs it.
class running_context {
 public:
  ~running_context() { context_.stop(); }

  asio::io_context& get() { return context_; }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<io::executor> busy_{context_.get_executor()};
  std::jthread thread_{[this] { context_.run(); }};
};

/// Where a connection has run.
struct trace {
  std::atomic<int> threads = 0;
  std::atomic<bool> is_away = false;
  std::atomic<bool> is_counted = false;
  /// How many bytes both directions have carried when a relay begins.
  std::atomic<std::uint64_t> carried = 0;
};

/// Records where a connection runs.
struct tracing_watch {
  trace* to;
  asio::io_context* away;

  void began(const io::running_relay& relay) {
    to->carried = relay.counts.forth + relay.counts.back;
    to->is_counted = true;
    // The test waits for these.
    ++to->threads;
    to->is_away = away->get_executor().running_in_this_thread();
  }
  void ended() { to->is_counted = false; }
  bool is_aborted() const { return false; }
};

/// A connection between `left` and `right`, over a layer if `Layered`. Its parts begin on one thread,
/// and may move to another one.
template <bool Layered>
class connection {
 public:
  explicit connection(io::relay_limits limits = {}, int buffer = 16 * 1024) : limits_(limits) {
    ::signal(SIGPIPE, SIG_IGN);
    auto near_plain = joined(left, buffer);
    auto far_plain = joined(right, buffer);
    if constexpr (Layered) {
      auto [near_wire, end] = joined_stream(home_.get(), buffer);
      io::tcp_stream far_wire(home_.get().get_executor(), std::move(end), {});
      auto [client, server] = opened();
      layered near_side(at(home_), std::move(near_wire), std::move(client));
      layered far_side(at(home_), std::move(far_wire), std::move(server));
      start(std::move(near_plain), std::move(near_side), stops, near_ended, near_trace);
      start(std::move(far_side), std::move(far_plain), far_stops, far_ended, far_trace);
    } else {
      start(std::move(near_plain), std::move(far_plain), stops, near_ended, near_trace);
      far_ended.set_value({});
      far_trace.threads = 2;
      far_trace.is_away = true;
    }
  }
  ~connection() {
    stops.end_all();
    far_stops.end_all();
    near_result_.wait();
    far_result_.wait();
  }

  io::relay_status near_status() { return waited(near_result_); }
  io::relay_status far_status() { return waited(far_result_); }

  /// Waits until both parts have moved.
  void await_move() {
    REQUIRE(eventually([&] { return near_trace.is_away && far_trace.is_away; }));
  }

  /// Those of the part at `left`, and those of the part at `right` if that is another one.
  io::drain_stops stops;
  io::drain_stops far_stops;
  std::promise<io::relay_status> near_ended;
  std::promise<io::relay_status> far_ended;
  trace near_trace;
  trace far_trace;
  tcp_socket left;
  tcp_socket right;

 private:
  static io::asio_runtime at(running_context& where) { return io::asio_runtime(where.get()); }

  static io::relay_status waited(std::shared_future<io::relay_status>& result) {
    REQUIRE(result.wait_for(test_timeout) == std::future_status::ready);
    return result.get();
  }

  io::tcp_stream joined(tcp_socket& outside, int buffer) {
    auto [stream, end] = joined_stream(home_.get(), buffer);
    const int fd = end.release();
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    outside = tcp_socket(fd);
    outside.time_limit(test_timeout);
    return std::move(stream);
  }

  static std::pair<framing_layer, framing_layer> opened() {
    framing_layer client;
    framing_layer server;
    byte_buffer to_server;
    byte_buffer to_client;
    byte_buffer none;
    REQUIRE(client.start(to_server));
    REQUIRE(server.start(to_client));
    REQUIRE(client.receive(std::as_const(to_client).data(), none, to_server));
    REQUIRE(server.receive(std::as_const(to_server).data(), none, to_client));
    return {std::move(client), std::move(server)};
  }

  template <class A, class B>
  void start(A first, B second, io::drain_stops& its_stops, std::promise<io::relay_status>& ended,
             trace& traced) {
    tracing_watch watch{&traced, &away_.get()};
    asio::co_spawn(
        home_.get(),
        io::carry(at(home_), at(away_), std::move(first), std::move(second), limits_, its_stops,
                  watch),
        [&ended](std::exception_ptr, io::relay_status status) { ended.set_value(status); });
  }

  const io::relay_limits limits_;
  std::shared_future<io::relay_status> near_result_{near_ended.get_future()};
  std::shared_future<io::relay_status> far_result_{far_ended.get_future()};
  running_context home_;
  running_context away_;
};

/// Sends `forth` and `back` at once through a connection, and checks what arrives.
template <class Connection>
void transfer(Connection& through, const std::string& forth, const std::string& back,
              std::size_t piece = 64 * 1024) {
  const auto receive = [piece](tcp_socket& from, std::size_t size) {
    std::string out;
    while (out.size() < size) {
      const auto more = from.receive(std::min(piece, size - out.size()));
      if (more.empty()) break;
      out += more;
    }
    return out;
  };
  std::jthread sends_forth([&] { through.left.send_all(forth); });
  std::jthread sends_back([&] { through.right.send_all(back); });
  auto got_back = std::async([&] { return receive(through.left, back.size()); });
  const std::string got_forth = receive(through.right, forth.size());
  CHECK(got_forth == forth);
  CHECK(got_back.get() == back);
}

}  // namespace

TEST_CASE_TEMPLATE("a connection that carries little stays on its thread", Layered, std::false_type,
                   std::true_type) {
  connection<Layered::value> through;
  transfer(through, scrambled(100'000, 1), scrambled(50'000, 2));
  through.left.shutdown_write();
  CHECK(through.right.ends());
  through.right.shutdown_write();
  CHECK(through.left.ends());
  CHECK(through.near_status().forth == 100'000);
  CHECK(through.near_status().back == 50'000);
  CHECK_FALSE(through.near_status().error);
  CHECK_FALSE(through.far_status().error);
  CHECK(through.near_trace.threads == 1);
  CHECK_FALSE(through.near_trace.is_counted);
}

TEST_CASE_TEMPLATE("a bulky connection moves to another thread and loses nothing", Layered,
                   std::false_type, std::true_type) {
  for (const std::uint64_t round : {1U, 2U, 3U}) {
    connection<Layered::value> through;
    transfer(through, scrambled(3'000'000, round), scrambled(2'000'000, round + 10));
    through.await_move();
    CHECK(through.near_trace.threads == 2);
    CHECK(through.far_trace.threads == 2);
    // Either direction may have carried all of it.
    CHECK(through.near_trace.carried >= io::move_after);
    CHECK(through.near_trace.carried < 5'000'000);
    transfer(through, scrambled(5'000, 3), scrambled(4'000, 4));
    through.left.shutdown_write();
    CHECK(through.right.ends());
    through.right.send_all("after the end of the other direction");
    through.right.shutdown_write();
    CHECK(through.left.receive_all() == "after the end of the other direction");
    CHECK(through.near_status().forth == 3'005'000);
    CHECK(through.near_status().back == 2'004'036);
    CHECK_FALSE(through.near_status().error);
    CHECK_FALSE(through.far_status().error);
  }
}

TEST_CASE_TEMPLATE("a bulky connection moves while its readers are slow", Layered, std::false_type,
                   std::true_type) {
  connection<Layered::value> through({}, 4096);
  transfer(through, scrambled(1'000'000, 5), scrambled(1'000'000, 6), 777);
  through.await_move();
  CHECK(through.near_trace.threads == 2);
}

TEST_CASE_TEMPLATE("a connection that is half closed does not move", Layered, std::false_type,
                   std::true_type) {
  connection<Layered::value> through;
  through.left.shutdown_write();
  CHECK(through.right.ends());
  const std::string bulk = scrambled(2'000'000, 7);
  std::jthread sends([&] {
    through.right.send_all(bulk);
    through.right.shutdown_write();
  });
  CHECK(through.left.receive_all() == bulk);
  CHECK_FALSE(through.near_status().error);
  CHECK(through.near_trace.threads == 1);
}

TEST_CASE_TEMPLATE("a stop ends a connection on whichever thread it is", Layered, std::false_type,
                   std::true_type) {
  for (const bool moves : {false, true}) {
    CAPTURE(moves);
    connection<Layered::value> through;
    transfer(through, scrambled(moves ? 1'000'000 : 1'000, 8), scrambled(1'000, 9));
    if (moves) through.await_move();
    through.stops.end_all();
    CHECK(through.near_status().error == errc::stopped);
    // The other part sees the end of this one.
    CHECK(through.left.ends());
    CHECK(through.right.ends());
  }
}

TEST_CASE("a stop at any moment of a move ends the connection") {
  for (int round = 0; round < 200; ++round) {
    connection<false> through;
    std::jthread sends([&] { through.left.try_send_all(scrambled(400'000, 10)); });
    std::jthread reads([&] {
      try {
        through.right.receive_all();
      } catch (const std::system_error&) {
        // The connection was reset.
      }
    });
    while (through.near_trace.threads == 0) std::this_thread::yield();
    // Each round stops a little later than the one before.
    for (int turn = 0; turn < round; ++turn) std::this_thread::yield();
    through.stops.end_all();
    CHECK(through.near_status().error == errc::stopped);
    through.left.shutdown();
    through.right.shutdown();
  }
}

TEST_CASE_TEMPLATE("a connection that has moved keeps its idle limit", Layered, std::false_type,
                   std::true_type) {
  connection<Layered::value> through({.idle = 300ms});
  transfer(through, scrambled(1'000'000, 11), scrambled(1'000, 12));
  through.await_move();
  CHECK(through.left.ends());
  CHECK(through.near_status().error);
}

TEST_CASE("a connection that has moved is drained") {
  connection<false> through;
  transfer(through, scrambled(1'000'000, 13), scrambled(1'000, 14));
  through.await_move();
  through.stops.idle = duration(50ms);
  through.stops.when_idle.request_stop();
  CHECK(through.near_status().error == errc::stopped);
}

}  // namespace rathole::test
