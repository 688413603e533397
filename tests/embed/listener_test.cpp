#include "tunnel_in_process.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/read_until.hpp>
#include <asio/use_future.hpp>

#include <future>
#include <thread>

namespace rathole::test {

namespace {

/// Sends `size` bytes through the echo, with an end of its direction, and compares what returns.
asio::awaitable<void> visit_echo(tunnel_in_process& tunnel, std::size_t size, std::size_t seed,
                                 std::size_t& done) {
  auto visitor = co_await tunnel.visit();
  const std::string sent = pattern(size, seed);
  const auto send = [](asio::ip::tcp::socket& to,
                       const std::string& what) -> asio::awaitable<void> {
    co_await asio::async_write(to, asio::buffer(what), use_awaitable);
    to.shutdown(asio::ip::tcp::socket::shutdown_send);
  };
  asio::co_spawn(co_await asio::this_coro::executor, send(visitor, sent),
                 [](std::exception_ptr) {});
  std::string received(size, '\0');
  co_await asio::async_read(visitor, asio::buffer(received), use_awaitable);
  CHECK((received == sent));
  char more;
  const auto [ec, count] = co_await visitor.async_read_some(asio::buffer(&more, 1), as_result);
  CHECK_EQ(ec, asio::error::eof);
  ++done;
}

}  // namespace

TEST_SUITE("listener") {
  TEST_CASE("visitors are served in the program over each transport, bytes compared") {
    authority issuer;
    for (const auto& transport : all_transports(issuer)) {
      CAPTURE(transport.name);
      constexpr std::size_t visitors = 200;
      with_tunnel(
          [&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
            listener web = tunnel.of_client().listen("web", secret("token"));
            asio::co_spawn(tunnel.context(), echo_visitors(web), [](std::exception_ptr) {});
            std::size_t done = 0;
            std::size_t begun = 0;
            const auto fail = [](std::exception_ptr error) {
              if (error) std::rethrow_exception(error);
            };
            while (begun < visitors) {
              const auto has_room = [&] { return begun - done < 20; };
              co_await until(has_room);
              asio::co_spawn(tunnel.context(), visit_echo(tunnel, 1024 * 1024, begun, done), fail);
              ++begun;
            }
            const auto all_done = [&] { return done == visitors; };
            co_await until(all_done);
            const auto all_closed = [&] { return web.stats().active == 0; };
            co_await until(all_closed);
            CHECK_EQ(web.stats().accepted, visitors);
            CHECK_EQ(web.stats().received, visitors * 1024 * 1024);
            CHECK_EQ(web.stats().sent, visitors * 1024 * 1024);
            CHECK_EQ(tunnel.events.client_ended, static_cast<int>(visitors));
            CHECK_EQ(tunnel.events.client_received, visitors * 1024 * 1024);
          },
          transport);
    }
  }

  TEST_CASE("a visitor's end is the end of the stream, and the program may answer after it") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      auto visitor = co_await tunnel.visit();
      co_await asio::async_write(visitor, asio::buffer("question\n", 9), use_awaitable);
      visitor.shutdown(asio::ip::tcp::socket::shutdown_send);
      stream accepted = co_await web.async_accept(use_awaitable);
      CHECK_EQ(accepted.service(), "web");
      CHECK(accepted.is_open());
      std::string question;
      co_await asio::async_read_until(accepted, asio::dynamic_buffer(question), '\n',
                                      use_awaitable);
      CHECK_EQ(question, "question\n");
      char more;
      const auto [ec, count] = co_await accepted.async_read_some(asio::buffer(&more, 1), as_result);
      CHECK_EQ(ec, asio::error::eof);
      co_await asio::async_write(accepted, asio::buffer("answer", 6), use_awaitable);
      accepted.close();
      CHECK_FALSE(accepted.is_open());
      std::string answer;
      const auto [end, size] =
          co_await asio::async_read(visitor, asio::dynamic_buffer(answer), as_result);
      CHECK_EQ(end, asio::error::eof);
      CHECK_EQ(answer, "answer");
    });
  }

  TEST_CASE("a stream that is reset resets the visitor") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      auto [web, visitor, accepted] = co_await tunnel.accept_visitor();
      accepted.reset();
      char more;
      const auto [ec, count] = co_await visitor.async_read_some(asio::buffer(&more, 1), as_result);
      CHECK_EQ(ec, asio::error::connection_reset);
    });
  }

  TEST_CASE("a cancelled accept loses no visitor, and a cancelled read no byte") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      asio::cancellation_signal cancel;
      std::optional<std::error_code> ended;
      web.async_accept(asio::bind_cancellation_slot(
          cancel.slot(), [&](std::error_code ec, stream) { ended = ec; }));
      cancel.emit(asio::cancellation_type::total);
      const auto has_ended = [&] { return ended.has_value(); };
      co_await until(has_ended);
      CHECK_EQ(*ended, asio::error::operation_aborted);

      auto visitor = co_await tunnel.visit();
      stream accepted = co_await web.async_accept(use_awaitable);
      char room[8];
      ended.reset();
      accepted.async_read_some(
          asio::buffer(room),
          asio::bind_cancellation_slot(cancel.slot(),
                                       [&](std::error_code ec, std::size_t) { ended = ec; }));
      cancel.emit(asio::cancellation_type::partial);
      const auto read_ended = [&] { return ended.has_value(); };
      co_await until(read_ended);
      CHECK_EQ(*ended, asio::error::operation_aborted);
      co_await asio::async_write(visitor, asio::buffer("bytes", 5), use_awaitable);
      co_await asio::async_read(accepted, asio::buffer(room, 5), use_awaitable);
      CHECK_EQ(std::string(room, 5), "bytes");
    });
  }

  TEST_CASE("a closed listener aborts its accepts, keeps its streams, and gives up the service") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      std::optional<listener> web = tunnel.of_client().listen("web", secret("token"));
      auto visitor = co_await tunnel.visit();
      stream accepted = co_await web->async_accept(use_awaitable);
      std::optional<std::error_code> ended;
      web->async_accept([&](std::error_code ec, stream) { ended = ec; });
      web.reset();
      const auto is_aborted = [&] { return ended.has_value(); };
      co_await until(is_aborted);
      CHECK_EQ(*ended, asio::error::operation_aborted);
      co_await asio::async_write(visitor, asio::buffer("still", 5), use_awaitable);
      std::string text(5, '\0');
      co_await asio::async_read(accepted, asio::buffer(text), use_awaitable);
      CHECK_EQ(text, "still");
      // The server closes the port; another listener of the name may follow.
      tunnel.events.visitors_ports.clear();
      listener again = tunnel.of_client().listen("web", secret("token"));
      auto next = co_await tunnel.visit();
      co_await again.async_accept(use_awaitable);
    });
  }

  TEST_CASE("two listeners of one name: the second fails, and the problem is named") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      listener second = tunnel.of_client().listen("web", secret("token"));
      const auto [ec, none] = co_await second.async_accept(as_result);
      CHECK_EQ(ec, errc::invalid_settings);
      REQUIRE_EQ(tunnel.of_client().problems().size(), 1);
      CHECK_EQ(tunnel.of_client().problems()[0].what, "two services have this name");
      auto visitor = co_await tunnel.visit();
      co_await web.async_accept(use_awaitable);
    });
  }

  TEST_CASE("visitors that nobody accepts wait within the backlog, and are refused in time") {
    with_tunnel(
        [&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
          listen_options options;
          options.backlog = 3;
          options.accept_timeout = std::chrono::milliseconds(300);
          listener web = tunnel.of_client().listen("web", secret("token"), options);
          std::vector<asio::ip::tcp::socket> visitors;
          for (int count = 0; count < 8; ++count) visitors.push_back(co_await tunnel.visit());
          std::size_t most = 0;
          const auto all_refused = [&] {
            most = std::max(most, web.stats().waiting);
            return web.stats().refused + tunnel.events.refused.size() == 8;
          };
          co_await until(all_refused);
          CHECK_LE(most, 3);
          CHECK_GT(most, 0);
          for (auto& each : visitors) {
            char byte;
            const auto [ec, count] =
                co_await each.async_read_some(asio::buffer(&byte, 1), as_result);
            CHECK(ec);
          }
          // The service is served as before.
          auto late = co_await tunnel.visit();
          co_await web.async_accept(use_awaitable);
        },
        transport_text{}, "[server.pool]\nsize = 2\nvisitor_timeout = 1\n");
  }

  TEST_CASE("a visitor may wait without a limit") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"),
                                               listen_options{.accept_timeout = duration::max()});
      auto visitor = co_await tunnel.visit();
      const auto has_arrived = [&] { return web.stats().waiting + web.stats().refused == 1; };
      co_await until(has_arrived);
      CHECK_EQ(web.stats().refused, 0);
      co_await web.async_accept(use_awaitable);
    });
  }

  TEST_CASE("a stream after the ends of its directions, over each transport") {
    authority issuer;
    for (const auto& transport : all_transports(issuer)) {
      CAPTURE(transport.name);
      with_tunnel(
          [&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
            auto [web, visitor, accepted] = co_await tunnel.accept_visitor();
            char byte = 0;
            // Nothing is asked of the connection.
            CHECK_EQ(co_await accepted.async_read_some(asio::buffer(&byte, 0), use_awaitable), 0);
            CHECK_EQ(co_await accepted.async_write_some(asio::buffer(&byte, 0), use_awaitable), 0);
            co_await accepted.async_shutdown_send(use_awaitable);
            const auto [wrote, size] =
                co_await accepted.async_write_some(asio::buffer(&byte, 1), as_result);
            CHECK_EQ(wrote, std::errc::broken_pipe);
            visitor.shutdown(asio::ip::tcp::socket::shutdown_send);
            for (int count = 0; count < 2; ++count) {
              const auto [ec, none] =
                  co_await accepted.async_read_some(asio::buffer(&byte, 1), as_result);
              CHECK_EQ(ec, asio::error::eof);
            }
            co_await accepted.async_shutdown_send(use_awaitable);
          },
          transport);
    }
  }

  TEST_CASE("a drained listener waits for its streams, and resets those that are late") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      auto first = co_await tunnel.visit();
      std::optional<stream> accepted = co_await web.async_accept(use_awaitable);
      std::optional<std::error_code> drained;
      web.async_drain(std::chrono::minutes(1), [&](std::error_code ec) { drained = ec; });
      co_await asio::async_write(first, asio::buffer("x", 1), use_awaitable);
      char byte;
      co_await accepted->async_read_some(asio::buffer(&byte, 1), use_awaitable);
      CHECK_FALSE(drained.has_value());
      accepted.reset();
      const auto is_drained = [&] { return drained.has_value(); };
      co_await until(is_drained);
      CHECK_FALSE(*drained);

      tunnel.events.visitors_ports.clear();
      listener next = tunnel.of_client().listen("web", secret("token"));
      auto second = co_await tunnel.visit();
      stream kept = co_await next.async_accept(use_awaitable);
      drained.reset();
      next.async_drain(std::chrono::milliseconds(50), [&](std::error_code ec) { drained = ec; });
      const auto is_late = [&] { return drained.has_value(); };
      co_await until(is_late);
      CHECK_EQ(*drained, errc::timed_out);
      const auto [ec, count] = co_await kept.async_read_some(asio::buffer(&byte, 1), as_result);
      CHECK_EQ(ec, asio::error::operation_aborted);
    });
  }

  TEST_CASE("streams are used by another thread than the client's") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      auto [web, visitor, accepted] = co_await tunnel.accept_visitor();
      std::atomic<bool> is_done = false;
      std::string got;
      std::thread user([&, own = std::move(accepted)]() mutable {
        std::string text(4, '\0');
        const auto size = asio::async_read(own, asio::buffer(text), asio::use_future).get();
        got = text.substr(0, size);
        asio::async_write(own, asio::buffer("pong", 4), asio::use_future).get();
        own.close();
        is_done = true;
      });
      co_await asio::async_write(visitor, asio::buffer("ping", 4), use_awaitable);
      const auto user_is_done = [&] { return is_done.load(); };
      co_await until(user_is_done);
      user.join();
      CHECK_EQ(got, "ping");
      std::string answer;
      co_await asio::async_read(visitor, asio::dynamic_buffer(answer), as_result);
      CHECK_EQ(answer, "pong");
    });
  }
}

}  // namespace rathole::test
