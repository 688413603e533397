// A drain tells whether connections ended by themselves.

#include "tunnel_in_process.hpp"

namespace rathole::test {

namespace {

/// Waits until `drained` has a value, and returns it.
asio::awaitable<std::error_code> result_of(const std::optional<std::error_code>& drained) {
  const auto has_ended = [&] { return drained.has_value(); };
  co_await until(has_ended);
  co_return *drained;
}

}  // namespace

TEST_SUITE("drain") {
  TEST_CASE("drain: connections that are cut meanwhile make it fail") {
    struct {
      std::string drained;
      std::string cut;
    } const cases[] = {
        {"client", "shutdown of the client"},   {"client", "destructor of the client"},
        {"client", "grace of the client"},      {"server", "shutdown of the server"},
        {"server", "destructor of the server"}, {"listener", "shutdown of the listener"},
        {"listener", "shutdown of the client"}, {"listener", "destructor of the client"},
        {"listener", "grace of the client"}};
    for (const auto& each : cases) {
      CAPTURE(each.drained);
      CAPTURE(each.cut);
      with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
        config::client settings = co_await tunnel.client_settings();
        settings.shutdown_grace = std::chrono::milliseconds(50);
        co_await tunnel.of_client().async_update(settings, use_awaitable);
        auto [web, visitor, accepted] = co_await tunnel.accept_visitor();
        std::optional<std::error_code> drained;
        const auto note = [&](std::error_code ec) { drained = ec; };
        constexpr duration long_time = std::chrono::hours(1);
        if (each.drained == "client") tunnel.of_client().async_drain(long_time, note);
        if (each.drained == "server") tunnel.of_server().async_drain(long_time, note);
        if (each.drained == "listener") web.async_drain(long_time, note);
        // The connection goes on.
        co_await asio::async_write(visitor, asio::buffer("x", 1), use_awaitable);
        char byte;
        co_await asio::async_read(accepted, asio::buffer(&byte, 1), use_awaitable);
        CHECK_FALSE(drained.has_value());
        if (each.cut == "shutdown of the client") tunnel.of_client().shutdown();
        if (each.cut == "destructor of the client") tunnel.destroy_client();
        if (each.cut == "grace of the client") tunnel.of_client().close();
        if (each.cut == "shutdown of the server") tunnel.of_server().shutdown();
        if (each.cut == "destructor of the server") tunnel.destroy_server();
        if (each.cut == "shutdown of the listener") web.shutdown();
        CHECK_EQ(co_await result_of(drained), asio::error::operation_aborted);
      });
    }
  }

  TEST_CASE("drain: a connection that the program or the visitor resets does not make it fail") {
    for (const std::string what : {"client", "server", "listener"}) {
      for (const bool by_visitor : {false, true}) {
        CAPTURE(what);
        CAPTURE(by_visitor);
        with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
          auto [web, visitor, accepted] = co_await tunnel.accept_visitor();
          std::optional<std::error_code> drained;
          const auto note = [&](std::error_code ec) { drained = ec; };
          constexpr duration long_time = std::chrono::hours(1);
          if (what == "client") tunnel.of_client().async_drain(long_time, note);
          if (what == "server") tunnel.of_server().async_drain(long_time, note);
          if (what == "listener") web.async_drain(long_time, note);
          if (by_visitor) {
            visitor.set_option(asio::socket_base::linger(true, 0));
            visitor.close();
            char byte;
            const auto [ec, size] =
                co_await accepted.async_read_some(asio::buffer(&byte, 1), as_result);
            CHECK(ec);
            accepted.close();
          } else {
            accepted.reset();
          }
          CHECK_EQ(co_await result_of(drained), std::error_code());
        });
      }
    }
  }

  TEST_CASE("drain: it is over at once when nothing is active, also after a shutdown") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      constexpr duration long_time = std::chrono::hours(1);
      const auto [listened] = co_await web.async_drain(long_time, as_result);
      CHECK_FALSE(listened);
      const auto [drained] = co_await tunnel.of_client().async_drain(long_time, as_result);
      CHECK_FALSE(drained);
      tunnel.of_client().shutdown();
      const auto [again] = co_await tunnel.of_client().async_drain(long_time, as_result);
      CHECK_FALSE(again);
    });
  }
}

}  // namespace rathole::test
