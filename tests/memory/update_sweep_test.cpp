// A change of an embedded client for which memory runs out fails alone: later changes are applied.

#include "support/failing_allocator.hpp"

#include <rathole/client.hpp>

#include <asio/io_context.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
#include <system_error>

namespace rathole::test {

namespace {

config::client settings_with(const char* service, int servers = 1) {
  config::client settings;
  settings.remote_addr = {"127.0.0.1", 1};
  for (int i = 1; i < servers; ++i) settings.remote_addr.push_back({"127.0.0.2", 1});
  settings.strategy = config::server_strategy::all;
  settings.services = {{.name = service, .local_addr = {"127.0.0.1", 1}, .token = secret("token")}};
  return settings;
}

/// Applies settings to a client while allocation number `failing` fails, and others afterwards, which
/// must succeed. Returns whether that allocation was reached.
bool update_twice(std::uint64_t failing, bool is_running) {
  asio::io_context context(1);
  client tunnel(context, settings_with("first"));
  if (is_running) tunnel.async_run([](std::error_code) {});
  context.poll();
  bool reached = false;
  {
    failing_allocator allocator(failing);
    const failing_allocator::armed armed;
    try {
      tunnel.async_update(settings_with("second", 2), [](std::error_code) {});
      context.poll();
    } catch (const std::bad_alloc&) {
      // As with Asio's own operations, handlers that cannot be stored are reported by `run`.
    }
    reached = allocator.has_failed();
  }
  std::optional<std::error_code> ended;
  tunnel.async_update(settings_with("third"), [&](std::error_code ec) { ended = ec; });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!ended && std::chrono::steady_clock::now() < deadline) {
    context.restart();
    context.run_one_for(std::chrono::milliseconds(20));
  }
  CAPTURE(failing);
  REQUIRE(ended);
  CHECK_FALSE(*ended);
  return reached;
}

}  // namespace

TEST_CASE("update sweep: a change for which memory runs out does not hold up later ones") {
  for (const bool is_running : {false, true}) {
    CAPTURE(is_running);
    std::uint64_t failing = 1;
    while (update_twice(failing, is_running)) ++failing;
    CHECK(failing > 3);
  }
}

}  // namespace rathole::test
