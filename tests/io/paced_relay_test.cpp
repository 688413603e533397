// The relay between two sockets whose bytes share a bandwidth.

#include <rathole/io/carry.hpp>
#include <rathole/io/relay/pipe_pool.hpp>
#include <rathole/io/relay/relay.hpp>

#include "relay_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using paced = io::paced_stream<io::asio_runtime, io::tcp_stream>;
using relay_type = io::relay<io::asio_runtime, paced, paced>;

static_assert(
    std::same_as<relay_type, io::socket_relay<io::asio_runtime, io::flow_pace<io::asio_runtime>>>);
static_assert(!io::PausableRelay<relay_type, io::asio_runtime>);

/// A relay with a bandwidth between two sockets whose other ends the test holds.
struct paced_relay {
  explicit paced_relay(bandwidth_limit limit) {
    ::signal(SIGPIPE, SIG_IGN);
    const io::asio_runtime runtime(context);
    shared->set(limit);
    int inside = -1;
    paced first(runtime, stream_to(left, context, inside), shared, io::bandwidth::way::in);
    paced second(runtime, stream_to(right, context, inside), shared, io::bandwidth::way::out);
    relay.emplace(runtime, std::move(first), std::move(second), io::relay_limits{});
    asio::co_spawn(context, relay->run(),
                   [this](std::exception_ptr, io::relay_status ended) { status = ended; });
  }

  /// Sends more from the left than has its turn soon, and lets the relay run.
  void keep_waiting() {
    left.send_all(scrambled(60'000, 5));
    context.run_for(20ms);
    REQUIRE_FALSE(status);
  }

  asio::io_context context{1};
  std::shared_ptr<io::bandwidth> shared = std::make_shared<io::bandwidth>();
  tcp_socket left;
  tcp_socket right;
  std::optional<relay_type> relay;
  std::optional<io::relay_status> status;
};

}  // namespace

TEST_SUITE("paced relay") {
  TEST_CASE("a bulk transfer is spliced, arrives whole, and keeps to the rate") {
    constexpr std::size_t size = 24 * 1024 * 1024;
    constexpr std::uint64_t rate = 64 * 1024 * 1024;
    // This thread may have pipes of earlier relays; a new thread has none.
    std::thread([&] {
      const std::size_t before = open_pipes();
      paced_relay tested({.in = rate, .out = {}});
      const std::string sent = scrambled(size, 1);
      std::string got;
      const auto begun = clock::now();
      std::jthread sends([&] { tested.left.send_all(sent), tested.left.shutdown_write(); });
      std::jthread reads([&] { got = tested.right.receive_all(), tested.right.shutdown_write(); });
      tested.context.run();
      reads.join();
      const std::chrono::duration<double> lasted = clock::now() - begun;
      CHECK(got == sent);
      CHECK(tested.status.value().forth == size);
      CHECK_FALSE(tested.status.value().error);
      // A loaded machine is only slower. What a burst may carry at once is not waited for.
      CHECK(lasted.count() > 0.95 * size / rate - 0.02);
      CHECK(open_pipes() > before);
    }).join();
  }

  TEST_CASE("both directions keep to their own rates") {
    constexpr std::size_t size = 1024 * 1024;
    constexpr std::uint64_t rate = 4 * 1024 * 1024;
    paced_relay tested({.in = rate, .out = rate});
    const std::string forth = scrambled(size, 2);
    const std::string back = scrambled(size, 3);
    std::string at_right;
    std::string at_left;
    const auto begun = clock::now();
    std::jthread left_sends([&] { tested.left.send_all(forth), tested.left.shutdown_write(); });
    std::jthread right_sends([&] { tested.right.send_all(back), tested.right.shutdown_write(); });
    std::jthread left_reads([&] { at_left = tested.left.receive_all(); });
    std::jthread right_reads([&] { at_right = tested.right.receive_all(); });
    tested.context.run();
    left_reads.join();
    right_reads.join();
    const std::chrono::duration<double> lasted = clock::now() - begun;
    CHECK(at_right == forth);
    CHECK(at_left == back);
    CHECK(lasted.count() > 0.22);
    CHECK_FALSE(tested.status->error);
  }

  TEST_CASE("bytes that wait for their turn arrive after both sides have ended") {
    paced_relay tested({.in = 100'000, .out = {}});
    const std::string sent = scrambled(20'000, 4);
    tested.right.shutdown_write();
    tested.left.send_all(sent);
    tested.left.shutdown_write();
    std::string got;
    std::jthread reads([&] { got = tested.right.receive_all(); });
    tested.context.run();
    reads.join();
    CHECK(got == sent);
    CHECK_FALSE(tested.status->error);
  }

  TEST_CASE("a reset while bytes wait for their turn ends the relay, and they are dropped") {
    paced_relay tested({.in = 1'000, .out = {}});
    tested.keep_waiting();
    tested.left.reset();
    tested.context.run_for(10s);
    REQUIRE(tested.status);
    CHECK(tested.status->error == std::errc::connection_reset);
    CHECK(tested.status->forth < 2'000);
    CHECK(tested.status->first_broke);
  }

  TEST_CASE("a stop while bytes wait for their turn ends the relay") {
    paced_relay tested({.in = 1'000, .out = {}});
    tested.keep_waiting();
    tested.relay->stop();
    tested.context.run_for(10s);
    REQUIRE(tested.status);
    CHECK(tested.status->error == errc::stopped);
  }
}

}  // namespace rathole::test
