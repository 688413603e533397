// What a program may do inside its handlers, and in an unusual order.

#include "tunnel_in_process.hpp"

#include <stdexcept>

namespace rathole::test {

namespace {

/// What a handler of a test throws.
struct thrown : std::runtime_error {
  thrown() : std::runtime_error("thrown by a handler") {}
};

/// Runs `context` until `holds()`, and returns how many handlers threw meanwhile.
template <class Condition>
int run_until(asio::io_context& context, Condition holds) {
  int count = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    try {
      context.restart();
      context.run_one_until(deadline);
    } catch (const thrown&) {
      ++count;
    }
  }
  return count;
}

}  // namespace

TEST_SUITE("clumsy programs") {
  TEST_CASE("a handler that throws disturbs neither the other handlers nor the tunnel") {
    asio::io_context context(1);
    tunnel_in_process tunnel(context);
    run(context, tunnel.start_client());
    listener web = tunnel.of_client().listen("web", secret("token"));
    stream first;
    web.async_accept([&](std::error_code, stream visitor) {
      first = std::move(visitor);
      throw thrown();
    });
    std::optional<asio::ip::tcp::socket> visitor;
    const auto visit = [&]() -> asio::awaitable<void> { visitor.emplace(co_await tunnel.visit()); };
    asio::co_spawn(context, visit(), [](std::exception_ptr) {});
    CHECK_EQ(run_until(context, [&] { return first.is_open() && visitor; }), 1);
    CHECK_EQ(web.stats().active, 1);
    first.close();
    CHECK_EQ(run_until(context, [&] { return tunnel.events.client_ended == 1; }), 0);
    CHECK_EQ(web.stats().active, 0);

    int aborted = 0;
    for (int count = 0; count < 3; ++count) {
      web.async_accept([&](std::error_code ec, stream) {
        CHECK_EQ(ec, asio::error::operation_aborted);
        ++aborted;
        throw thrown();
      });
    }
    web.close();
    CHECK_EQ(run_until(context, [&] { return aborted == 3; }), 3);
  }

  TEST_CASE("handlers destroy the stream, the listener and the client") {
    asio::io_context context(1);
    tunnel_in_process tunnel(context);
    run(context, tunnel.start_client());
    std::optional<listener> web(tunnel.of_client().listen("web", secret("token")));
    int accepted = 0;
    int aborted = 0;
    web->async_accept([&](std::error_code ec, stream visitor) {
      CHECK_FALSE(ec);
      CHECK(visitor.is_open());
      ++accepted;
      web.reset();
      tunnel.destroy_client();
    });
    web->async_accept([&](std::error_code ec, stream) {
      CHECK_EQ(ec, asio::error::operation_aborted);
      ++aborted;
    });
    std::optional<asio::ip::tcp::socket> visitor;
    const auto visit = [&]() -> asio::awaitable<void> { visitor.emplace(co_await tunnel.visit()); };
    asio::co_spawn(context, visit(), [](std::exception_ptr) {});
    run_until(context, [&] { return aborted == 1 && tunnel.client_ended; });
    CHECK_EQ(accepted, 1);
    CHECK_EQ(*tunnel.client_ended, asio::error::operation_aborted);
  }

  TEST_CASE("an observer is not called after the client is destroyed, also by itself") {
    struct destroyer {
      void on(const client::control_channel_established&) {
        ++calls;
        if (in_event) of.reset();
      }
      void on(const client::control_channel_closed&) { ++calls; }
      void on(const client::control_channel_failed&) { ++calls; }
      std::optional<client>& of;
      bool in_event;
      int calls = 0;
    };
    for (const bool in_event : {true, false}) {
      CAPTURE(in_event);
      asio::io_context context(1);
      tunnel_in_process tunnel(context);
      std::optional<config::client> settings;
      const auto wait = [&]() -> asio::awaitable<void> {
        settings = co_await tunnel.client_settings(
            "[client.services.web]\nlocal_addr = \"127.0.0.1:1\"\n");
      };
      run(context, wait());
      std::optional<client> own;
      auto observer = std::make_unique<destroyer>(own, in_event);
      own.emplace(context, *settings, *observer);
      std::optional<std::error_code> ended;
      own->async_run([&](std::error_code ec) { ended = ec; });
      run_until(context, [&] { return observer->calls == 1; });
      own.reset();
      observer.reset();
      run_until(context, [&] { return ended.has_value(); });
      CHECK_EQ(*ended, asio::error::operation_aborted);
    }
  }

  TEST_CASE("a second run fails, and updates around the start and the end complete once") {
    asio::io_context context(1);
    config::client settings;
    settings.remote_addr = {"127.0.0.1", 1};
    client hidden(context, settings);
    int ended = 0;
    int refused = 0;
    std::vector<std::error_code> updated;
    const auto update = [&] {
      hidden.async_update(settings, [&](std::error_code ec) { updated.push_back(ec); });
    };
    update();
    hidden.async_run([&](std::error_code) { ++ended; });
    hidden.async_run([&](std::error_code ec) {
      CHECK_EQ(ec, asio::error::already_started);
      ++refused;
    });
    update();
    update();
    hidden.close();
    update();
    run_until(context, [&] { return ended == 1 && updated.size() == 4; });
    update();
    run_until(context, [&] { return updated.size() == 5; });
    CHECK_EQ(refused, 1);
    CHECK_FALSE(updated[0]);
    CHECK_EQ(updated[4], errc::stopped);
  }

  TEST_CASE("a client that is closed before it runs does not run") {
    asio::io_context context(1);
    config::client settings;
    settings.remote_addr = {"127.0.0.1", 1};
    client hidden(context, settings);
    listener web = hidden.listen("web", secret("token"));
    std::optional<std::error_code> accepted;
    std::optional<std::error_code> ended;
    web.async_accept([&](std::error_code ec, stream) { accepted = ec; });
    hidden.close();
    hidden.async_run([&](std::error_code ec) { ended = ec; });
    run_until(context, [&] { return accepted && ended; });
    CHECK_EQ(*accepted, asio::error::operation_aborted);
    CHECK_EQ(*ended, std::error_code());
    ended.reset();
    hidden.async_run([&](std::error_code ec) { ended = ec; });
    run_until(context, [&] { return ended.has_value(); });
    CHECK_EQ(*ended, asio::error::already_started);
  }

  TEST_CASE("operations on a closed stream complete with an error") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      auto visitor = co_await tunnel.visit();
      stream served = co_await web.async_accept(use_awaitable);
      served.close();
      char byte = 0;
      const auto [read, count] = co_await served.async_read_some(asio::buffer(&byte, 1), as_result);
      CHECK_EQ(read, asio::error::operation_aborted);
      const auto [wrote, size] =
          co_await served.async_write_some(asio::buffer(&byte, 1), as_result);
      CHECK_EQ(wrote, asio::error::operation_aborted);
      const auto [shut] = co_await served.async_shutdown_send(as_result);
      CHECK_EQ(shut, asio::error::operation_aborted);
    });
    stream none;
    CHECK_FALSE(none.is_open());
    none.close();
    none.reset();
  }
}

}  // namespace rathole::test
