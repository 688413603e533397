// What a program changes before the run is judged at once, as it is during the run.

#include "tunnel_in_process.hpp"

namespace rathole::test {

namespace {

config::client usable_client() {
  config::client out;
  out.remote_addr = {"127.0.0.1", 1};
  return out;
}

config::server_service usable_service(const std::string& name) {
  config::server_service out;
  out.name = name;
  out.token = secret("token");
  out.bind_addr = address{"127.0.0.1", 0};
  return out;
}

/// Runs `end` and closes it; returns the result of the run.
template <class End>
asio::awaitable<std::error_code> run_shortly(asio::io_context& context, End& end) {
  asio::post(context, [&] { end.close(); });
  const auto [ec] = co_await end.async_run(as_result);
  co_return ec;
}

}  // namespace

TEST_SUITE("before the run") {
  TEST_CASE("before the run: an update with problems fails with all of them, and changes nothing") {
    asio::io_context context(1);
    client hidden(context, usable_client());
    const auto test = [&]() -> asio::awaitable<void> {
      config::client wrong;
      wrong.services = {{.name = "a"}, {.name = "a"}};
      const auto [ec] = co_await hidden.async_update(wrong, as_result);
      CHECK_EQ(ec, errc::invalid_settings);
      // As `async_run` says it: no remote_addr, two services of one name, two without a local_addr.
      CHECK_EQ(hidden.problems().size(), 4);
      CHECK(hidden.explain(ec).starts_with("client.remote_addr: no address"));

      config::client plain = usable_client();
      plain.transport.tls = config::tls{.trusted_root = "ca.pem"};
      const auto [unused] = co_await hidden.async_update(plain, as_result);
      CHECK_EQ(unused, errc::invalid_settings);
      CHECK_EQ(hidden.problems().size(), 1);

      for (const auto kind : {config::transport_kind::tls, config::transport_kind::noise,
                              config::transport_kind::websocket}) {
        CAPTURE(config::name_of(kind));
        config::client bare = usable_client();
        bare.transport.kind = kind;
        const auto [missing] = co_await hidden.async_update(bare, as_result);
        CHECK_EQ(missing, errc::invalid_settings);
        REQUIRE_FALSE(hidden.problems().empty());
        CHECK_EQ(hidden.problems()[0].key, "client.transport");
      }
      const auto [changed] = co_await hidden.async_update(usable_client(), as_result);
      CHECK_FALSE(changed);
      CHECK(hidden.problems().empty());
      CHECK_FALSE(co_await run_shortly(context, hidden));
    };
    run(context, test());
  }

  TEST_CASE("before the run: files that cannot be read are a problem") {
#if RATHOLE_WITH_TLS
    asio::io_context context(1);
    client hidden(context, usable_client());
    server open(context, config::server{.bind_addr = {"127.0.0.1", 0}});
    const auto test = [&]() -> asio::awaitable<void> {
      config::client next = usable_client();
      next.transport = config::tls{.trusted_root = "/nonexistent/ca.pem"};
      const auto [ec] = co_await hidden.async_update(next, as_result);
      CHECK_EQ(ec, errc::invalid_settings);
      CHECK_EQ(hidden.problems().size(), 1);
      config::server same{.bind_addr = {"127.0.0.1", 0}};
      same.transport = config::tls{.cert = "/nonexistent/a.pem", .key = "/nonexistent/b.pem"};
      const auto [failed] = co_await open.async_update(same, as_result);
      CHECK_EQ(failed, errc::invalid_settings);
      CHECK_FALSE(open.problems().empty());
      CHECK_FALSE(co_await run_shortly(context, open));
    };
    run(context, test());
#endif
  }

  TEST_CASE("before the run: a service with problems is refused, and the others are kept") {
    asio::io_context context(1);
    client hidden(context, usable_client());
    server open(context, config::server{.bind_addr = {"127.0.0.1", 0}});
    const auto test = [&]() -> asio::awaitable<void> {
      forwarding ssh = hidden.forward("ssh", secret("token"), address("127.0.0.1", 22));
      forwarding none = hidden.forward("none", secret("token"), "no address");
      forwarding twice = hidden.forward("ssh", secret("token"), address("127.0.0.1", 23));
      const auto [ec] = co_await ssh.async_wait_added(as_result);
      CHECK_FALSE(ec);
      const auto [missing] = co_await none.async_wait_added(as_result);
      CHECK_EQ(missing, errc::invalid_settings);
      const auto [named] = co_await twice.async_wait_added(as_result);
      CHECK_EQ(named, errc::invalid_settings);
      const auto [lost] = co_await ssh.async_retarget(address(), as_result);
      CHECK_EQ(lost, errc::invalid_settings);
      REQUIRE_EQ(hidden.problems().size(), 1);
      CHECK_EQ(hidden.problems()[0].key, "client.services.ssh.local_addr");
      const auto [absent] = co_await none.async_retarget(address("127.0.0.1", 24), as_result);
      CHECK_EQ(absent, errc::service_not_exist);
      CHECK_FALSE(co_await run_shortly(context, hidden));

      const auto [added] = co_await open.async_add(usable_service("web"), as_result);
      CHECK_FALSE(added);
      config::server_service bare = usable_service("bare");
      bare.bind_addr = {};
      const auto [refused] = co_await open.async_add(bare, as_result);
      CHECK_EQ(refused, errc::invalid_settings);
      REQUIRE_EQ(open.problems().size(), 1);
      CHECK_EQ(open.problems()[0].key, "server.services.bare.bind_addr");
      const auto [gone] = co_await open.async_remove("bare", as_result);
      CHECK_EQ(gone, errc::service_not_exist);
      CHECK_FALSE(co_await run_shortly(context, open));
    };
    run(context, test());
  }

  TEST_CASE("before the run: problems of the settings are not those of a service") {
    asio::io_context context(1);
    client hidden(context, config::client());
    const auto test = [&]() -> asio::awaitable<void> {
      forwarding ssh = hidden.forward("ssh", secret("token"), address("127.0.0.1", 22));
      const auto [ec] = co_await ssh.async_wait_added(as_result);
      CHECK_FALSE(ec);
      const auto [changed] = co_await hidden.async_update(usable_client(), as_result);
      CHECK_FALSE(changed);
      CHECK_FALSE(co_await run_shortly(context, hidden));
    };
    run(context, test());
  }

  TEST_CASE("before the run: nothing is changed once the end is closed") {
    asio::io_context context(1);
    client hidden(context, usable_client());
    server open(context, config::server{.bind_addr = {"127.0.0.1", 0}});
    const auto test = [&]() -> asio::awaitable<void> {
      forwarding ssh = hidden.forward("ssh", secret("token"), address("127.0.0.1", 22));
      hidden.close();
      open.shutdown();
      const auto [updated] = co_await hidden.async_update(usable_client(), as_result);
      CHECK_EQ(updated, errc::stopped);
      const auto [retargeted] = co_await ssh.async_retarget(address("127.0.0.1", 23), as_result);
      CHECK_EQ(retargeted, errc::stopped);
      forwarding late = hidden.forward("late", secret("token"), address("127.0.0.1", 22));
      const auto [forwarded] = co_await late.async_wait_added(as_result);
      CHECK_EQ(forwarded, errc::stopped);
      const auto [added] = co_await open.async_add(usable_service("web"), as_result);
      CHECK_EQ(added, errc::stopped);
      const auto [removed] = co_await open.async_remove("web", as_result);
      CHECK_EQ(removed, errc::stopped);
    };
    run(context, test());
  }
}

}  // namespace rathole::test
