// Listeners survive memory shortages anywhere in the accept loop.

#include "support/failing_allocator.hpp"
#include "support/net.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/stream/accept_loop.hpp>
#include <rathole/io/tcp/acceptor.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <vector>

namespace rathole::test {

namespace {

using io::asio_runtime;
using std::chrono::milliseconds;

constexpr backoff_parameters short_pauses{milliseconds(1), 0.0, 1.0, milliseconds(1)};

/// Runs a listener while two connections are made, and fails `count` allocations, beginning with
/// number `failing`; afterwards it must accept another one. Returns whether that number was
/// reached.
bool accept_all(std::uint64_t failing, std::uint64_t count) {
  asio::io_context context;
  asio_runtime runtime(context);
  auto opened =
      io::tcp_acceptor::open(runtime.get_executor(), {asio::ip::address_v4::loopback(), 0}, {});
  REQUIRE(opened);
  io::task_group group(runtime.get_executor());
  std::stop_source stop;
  int accepted = 0;
  int failures = 0;
  const auto accept = [&accepted](io::tcp_stream) { ++accepted; };
  const auto failed = [&failures](std::error_code, duration) { ++failures; };
  const auto free_descriptor = [] { return false; };
  group.spawn(io::accept_loop(runtime, *opened, short_pauses, stop.get_token(), accept, failed,
                              free_descriptor));
  // The context's Asio services are created before memory runs out.
  context.poll();

  std::vector<tcp_socket> visitors;
  const auto visit = [&] { visitors.push_back(tcp_socket::connect(opened->local().port)); };
  const auto run = [&context](milliseconds length) { context.run_for(length); };
  bool has_failed = false;
  {
    const failing_allocator allocator(failing, count);
    for (int i = 0; i < 2; ++i) {
      visit();
      const failing_allocator::armed armed;
      run(milliseconds(3));
    }
    has_failed = allocator.has_failed();
  }
  const int before = accepted;
  visit();
  const auto end = clock::now() + std::chrono::seconds(10);
  while (accepted == before && clock::now() < end) context.run_one_for(milliseconds(10));
  CHECK(accepted > before);
  CHECK(group.size() == 1);
  stop.request_stop();
  context.run_for(std::chrono::seconds(1));
  CHECK(group.size() == 0);
  return has_failed;
}

}  // namespace

TEST_CASE("accept loop: a listener accepts again after memory ran out anywhere in its loop") {
  for (const std::uint64_t count : {1U, 2U, 5U, 20U}) {
    CAPTURE(count);
    std::uint64_t failing = 1;
    while (accept_all(failing, count)) ++failing;
    CHECK(failing > 4);
  }
}

}  // namespace rathole::test
