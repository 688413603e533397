// `async_diagnose` with each kind of completion token and executor, over real sockets.

#include "support/eventually.hpp"
#include "support/own_process.hpp"

#include <rathole/diagnose.hpp>

#include <doctest/doctest.h>

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using namespace rathole;
using namespace std::chrono_literals;

namespace {

/// A listener whose connections are accepted by the system and never served.
struct mute_listener {
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  [[nodiscard]] std::uint16_t port() const { return acceptor.local_endpoint().port(); }
};

config::client client_of(std::uint16_t port) {
  config::client settings;
  settings.remote_addr = {"127.0.0.1", port};
  settings.handshake_timeout = 1h;
  config::client_service& web = settings.services.emplace_back();
  web.name = "web";
  web.token = secret("token");
  web.local_addr = {"127.0.0.1", port};
  return settings;
}

std::uint16_t closed_port() { return mute_listener().port(); }

struct outcome {
  std::error_code error;
  diagnosis found;
};

}  // namespace

TEST_CASE("async_diagnose: a callback and the steps as they end, on one context") {
  asio::io_context context;
  diagnose_options options;
  diagnosis reported;
  options.on_step = [&](const diagnosis_step& each) { reported.steps.push_back(each); };
  std::optional<outcome> ended;
  async_diagnose(
      context, client_of(closed_port()), options,
      [&](std::error_code error, diagnosis found) { ended = {error, std::move(found)}; });
  CHECK_FALSE(ended);
  context.run();
  REQUIRE(ended);
  CHECK_FALSE(ended->error);
  CHECK(ended->found == reported);
  REQUIRE(reported.steps.size() == 5);
  CHECK(reported.steps[1].name == "connect");
  CHECK(reported.steps[1].error == std::errc::connection_refused);
  CHECK(reported.steps[2].result == step_result::skipped);
}

TEST_CASE("async_diagnose: a coroutine") {
  asio::io_context context;
  std::size_t steps = 0;
  const auto work = [&]() -> asio::awaitable<void> {
    const config::client settings = client_of(closed_port());
    const diagnosis found = co_await async_diagnose(context, settings, asio::use_awaitable);
    steps = found.steps.size();
  };
  std::exception_ptr thrown;
  asio::co_spawn(context, work(), [&](std::exception_ptr error) { thrown = error; });
  context.run();
  CHECK_FALSE(thrown);
  CHECK(steps == 5);
}

TEST_CASE("async_diagnose: a future, with a pool of threads, and any executor") {
  asio::thread_pool pool(2);
  config::server settings;
  settings.bind_addr = {"127.0.0.1", 0};
  const std::size_t before = test::open_descriptors();
  CHECK(async_diagnose(pool.get_executor(), settings, asio::use_future).get().passed());
  CHECK(test::open_descriptors() == before);
  const asio::any_io_executor any = pool.get_executor();
  diagnose_options options;
  std::atomic<int> reported = 0;
  options.on_step = [&](const diagnosis_step&) { ++reported; };
  CHECK(async_diagnose(any, settings, options, asio::use_future).get().steps.size() == 2);
  pool.join();
  CHECK(reported == 2);
}

TEST_CASE("async_diagnose: a cancellation ends it, and keeps the steps before") {
  mute_listener mute;
  asio::io_context context;
  asio::cancellation_signal cancel;
  diagnose_options options;
  options.on_step = [&](const diagnosis_step& each) {
    if (each.name == "connect") {
      asio::post(context, [&] { cancel.emit(asio::cancellation_type::terminal); });
    }
  };
  std::optional<outcome> ended;
  async_diagnose(
      context, client_of(mute.port()), options,
      asio::bind_cancellation_slot(cancel.slot(), [&](std::error_code error, diagnosis found) {
        ended = {error, std::move(found)};
      }));
  context.run_for(1min);
  REQUIRE(ended);
  CHECK(ended->error == asio::error::operation_aborted);
  REQUIRE(ended->found.steps.size() == 2);
  CHECK(ended->found.steps[1].result == step_result::ok);
}

TEST_CASE("async_diagnose: a cancellation reaches the thread of its own") {
  mute_listener mute;
  // The handler, and the steps, arrive on the one thread of this context.
  asio::io_context context;
  const asio::any_io_executor any = context.get_executor();
  auto busy = asio::make_work_guard(any);
  asio::cancellation_signal cancel;
  diagnose_options options;
  bool same_thread = true;
  const auto here = std::this_thread::get_id();
  options.on_step = [&](const diagnosis_step& each) {
    same_thread &= std::this_thread::get_id() == here;
    if (each.name == "connect") cancel.emit(asio::cancellation_type::terminal);
  };
  std::optional<outcome> ended;
  async_diagnose(
      any, client_of(mute.port()), options,
      asio::bind_cancellation_slot(cancel.slot(), [&](std::error_code error, diagnosis found) {
        same_thread &= std::this_thread::get_id() == here;
        ended = {error, std::move(found)};
        busy.reset();
      }));
  context.run_for(1min);
  REQUIRE(ended);
  CHECK(ended->error == asio::error::operation_aborted);
  CHECK(ended->found.steps.size() == 2);
  CHECK(same_thread);
}

TEST_CASE("async_diagnose: a cancellation after the end and before the handler does nothing") {
  asio::io_context context;
  const asio::any_io_executor any = context.get_executor();
  asio::cancellation_signal cancel;
  std::optional<outcome> ended;
  const std::size_t threads = test::running_threads();
  async_diagnose(
      any, client_of(closed_port()),
      asio::bind_cancellation_slot(cancel.slot(), [&](std::error_code error, diagnosis found) {
        ended = {error, std::move(found)};
      }));
  REQUIRE(test::eventually([&] { return test::running_threads() <= threads; }));
  cancel.emit(asio::cancellation_type::terminal);
  context.run();
  REQUIRE(ended);
  CHECK_FALSE(ended->error);
}
