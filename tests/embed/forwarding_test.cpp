// A service object speaks of its own service only, whatever else has its name.

#include "tunnel_in_process.hpp"

namespace rathole::test {

namespace {

const address local("127.0.0.1", 22);

}  // namespace

TEST_SUITE("forwarding") {
  TEST_CASE("forwarding: one without a service does nothing to another of its name") {
    asio::io_context context(1);
    client hidden(context, config::client{.remote_addr = {"127.0.0.1", 1}});
    const auto test = [&]() -> asio::awaitable<void> {
      forwarding first = hidden.forward("ssh", secret("token"), local);
      forwarding second = hidden.forward("ssh", secret("token"), local);
      const auto [refused] = co_await second.async_wait_added(as_result);
      CHECK_EQ(refused, errc::invalid_settings);
      const auto [none] = co_await second.async_retarget(local, as_result);
      CHECK_EQ(none, errc::service_not_exist);
      second.close();
      const auto [is_there] = co_await first.async_retarget(local, as_result);
      CHECK_FALSE(is_there);

      first.close();
      forwarding third = hidden.forward("ssh", secret("token"), local);
      const auto [added] = co_await third.async_wait_added(as_result);
      CHECK_FALSE(added);
      const auto [gone] = co_await first.async_retarget(local, as_result);
      CHECK_EQ(gone, errc::service_not_exist);
      first.close();
      const auto [is_left] = co_await third.async_retarget(local, as_result);
      CHECK_FALSE(is_left);
    };
    run(context, test());
  }

  TEST_CASE("forwarding: one without a service does nothing to a listener of its name") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      forwarding second = tunnel.of_client().forward("web", secret("token"), local);
      second.close();
      const auto [gone] = co_await second.async_retarget(local, as_result);
      CHECK_EQ(gone, errc::service_not_exist);
      auto visitor = co_await tunnel.visit();
      co_await web.async_accept(use_awaitable);
      CHECK_EQ(tunnel.events.established, 1);
    });
  }

  TEST_CASE("forwarding: each service explains its own failure") {
    asio::io_context context(1);
    client hidden(context, config::client{.remote_addr = {"127.0.0.1", 1}});
    const auto test = [&]() -> asio::awaitable<void> {
      forwarding first = hidden.forward("ssh", secret("token"), local);
      forwarding second = hidden.forward("ssh", secret("token"), local);
      forwarding third = hidden.forward("web", secret("token"), "no address");
      listener fourth = hidden.listen("ssh", secret("token"));
      datagram_listener fifth = hidden.listen_datagrams("ssh", secret("token"));
      const forwarding last = hidden.forward("last", secret("token"), local);
      const auto [refused, none] = co_await fourth.async_accept(as_result);
      CHECK_EQ(refused, errc::invalid_settings);
      char byte = 0;
      asio::ip::udp::endpoint from;
      const auto [also, nothing] =
          co_await fifth.async_receive_from(asio::buffer(&byte, 1), from, as_result);
      CHECK_EQ(also, errc::invalid_settings);
      co_await asio::post(context, use_awaitable);

      const std::error_code ec = errc::invalid_settings;
      const std::string twice =
          "client.services.ssh: two services have this name; give each service a name of its own";
      CHECK_EQ(hidden.explain(ec), ec.message());
      CHECK_EQ(first.explain(ec), ec.message());
      CHECK_EQ(second.explain(ec), twice);
      CHECK_EQ(third.explain(ec),
               "client.services.web.local_addr: no address; name host and port, as `host:port`");
      CHECK_EQ(fourth.explain(ec), twice);
      CHECK_EQ(fifth.explain(ec), twice);
      CHECK_EQ(last.explain(errc::timed_out), make_error_code(errc::timed_out).message());

      const auto [lost] = co_await first.async_retarget(address(), as_result);
      CHECK_EQ(lost, errc::invalid_settings);
      CHECK_EQ(first.explain(lost),
               "client.services.ssh.local_addr: no address; name host and port, as `host:port`");
    };
    run(context, test());
  }
}

}  // namespace rathole::test
