#include "tunnel_in_process.hpp"

#include "support/eventually.hpp"
#include "support/own_process.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>

#include <future>
#include <thread>

namespace rathole::test {

namespace {

/// An echo service on a port of the machine.
class local_echo {
 public:
  explicit local_echo(asio::io_context& context)
      : acceptor_(context, {asio::ip::address_v4::loopback(), 0}) {
    asio::co_spawn(context, accept(), asio::detached);
  }
  std::string address() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  int accepted = 0;

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      auto [ec, socket] = co_await acceptor_.async_accept(as_result);
      if (ec) break;
      ++accepted;
      asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
    }
  }
  static asio::awaitable<void> serve(asio::ip::tcp::socket socket) {
    char room[1024];
    for (;;) {
      const auto [ec, size] = co_await socket.async_read_some(asio::buffer(room), as_result);
      if (ec) break;
      co_await asio::async_write(socket, asio::buffer(room, size), as_result);
    }
  }

  asio::ip::tcp::acceptor acceptor_;
};

/// Sends a word and expects it back.
asio::awaitable<void> check_echo(asio::ip::tcp::socket& visitor) {
  co_await asio::async_write(visitor, asio::buffer("hello", 5), use_awaitable);
  std::string text(5, '\0');
  co_await asio::async_read(visitor, asio::buffer(text), use_awaitable);
  CHECK_EQ(text, "hello");
}

}  // namespace

TEST_SUITE("ends") {
  TEST_CASE("a service is forwarded at run time, and retargeted without a loss") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      local_echo first(tunnel.context());
      local_echo second(tunnel.context());
      forwarding web =
          tunnel.of_client().forward("web", secret("token"), *parse_address(first.address()));
      co_await web.async_wait_added(use_awaitable);
      auto old = co_await tunnel.visit();
      co_await check_echo(old);
      co_await web.async_retarget(*parse_address(second.address()), use_awaitable);
      auto next = co_await tunnel.visit();
      co_await check_echo(next);
      co_await check_echo(old);
      CHECK_EQ(first.accepted, 1);
      CHECK_EQ(second.accepted, 1);
      CHECK_EQ(tunnel.events.established, 1);
    });
  }

  TEST_CASE("settings with problems complete the run with all of them") {
    asio::io_context context(1);
    config::client settings;
    settings.services = {{.name = "a"}, {.name = "a"}};
    client wrong(context, settings);
    config::server none;
    server also(context, none);
    const auto test = [&]() -> asio::awaitable<void> {
      const auto [ec] = co_await wrong.async_run(as_result);
      CHECK_EQ(ec, errc::invalid_settings);
      // No remote_addr, two services of one name, two without a local_addr.
      CHECK_EQ(wrong.problems().size(), 4);
      const auto [failed] = co_await also.async_run(as_result);
      CHECK_EQ(failed, errc::invalid_settings);
      CHECK_EQ(also.problems().size(), 1);
      const auto [again] = co_await also.async_run(as_result);
      CHECK_EQ(again, asio::error::already_started);
    };
    run(context, test());
  }

  TEST_CASE("settings are written down as text, and a problem is explained") {
    const config::client settings{.remote_addr = "tunnel.example.com:2333",
                                  .transport = config::tls{.trusted_root = "ca.pem"}};
    CHECK_EQ(settings.remote_addr, address("tunnel.example.com", 2333));
    CHECK_EQ(settings.transport.kind, config::transport_kind::tls);
    CHECK_EQ(settings.transport.tls->trusted_root, "ca.pem");
    CHECK_EQ(config::transport(config::noise{}).kind, config::transport_kind::noise);
    CHECK_EQ(config::transport(config::websocket{}).kind, config::transport_kind::websocket);

    asio::io_context context(1);
    client wrong(context, config::client{.remote_addr = "no address"});
    const auto test = [&]() -> asio::awaitable<void> {
      const auto [ec] = co_await wrong.async_run(as_result);
      CHECK_EQ(wrong.explain(ec),
               "client.remote_addr: no address; name host and port, as `host:port`");
      CHECK_EQ(wrong.explain(errc::timed_out), "timed out");
    };
    run(context, test());
  }

  TEST_CASE("a server that cannot listen says where") {
    asio::io_context context(1);
    const asio::ip::tcp::acceptor other(context, {asio::ip::address_v4::loopback(), 0});
    const std::uint16_t port = other.local_endpoint().port();
    server late(context, config::server{.bind_addr = {"127.0.0.1", port}});
    const auto test = [&]() -> asio::awaitable<void> {
      const auto [ec] = co_await late.async_run(as_result);
      CHECK_EQ(ec, std::errc::address_in_use);
      const std::string text = late.explain(ec);
      CAPTURE(text);
      CHECK(text.starts_with(
          "server.bind_addr: Failed to listen at 127.0.0.1:" + std::to_string(port) + ": "));
      CHECK(text.find("another program") != text.npos);
      CHECK_EQ(late.explain(errc::timed_out), "timed out");
    };
    run(context, test());
  }

  TEST_CASE("a transport without its table is a problem, and nothing runs without encryption") {
    for (const auto kind : {config::transport_kind::tls, config::transport_kind::noise,
                            config::transport_kind::websocket}) {
      CAPTURE(config::name_of(kind));
      asio::io_context context(1);
      config::client settings;
      settings.remote_addr = {"127.0.0.1", 1};
      settings.transport.kind = kind;
      event_record events;
      client wrong(context, settings, events);
      const auto test = [&]() -> asio::awaitable<void> {
        const auto [ec] = co_await wrong.async_run(as_result);
        CHECK_EQ(ec, errc::invalid_settings);
        REQUIRE_FALSE(wrong.problems().empty());
        CHECK_EQ(wrong.problems()[0].key, "client.transport");
      };
      run(context, test());
      CHECK_EQ(events.failed, 0);
    }
  }

  TEST_CASE(
      "options of a transport that is not selected are a problem: nothing is sent in plain text") {
    asio::io_context context(1);
    config::client settings{.remote_addr = {"127.0.0.1", 1}};
    settings.transport.tls = config::tls{.trusted_root = "ca.pem"};
    settings.transport.noise.emplace();
    event_record events;
    client wrong(context, settings, events);
    const auto test = [&]() -> asio::awaitable<void> {
      const auto [ec] = co_await wrong.async_run(as_result);
      CHECK_EQ(
          wrong.explain(ec),
          "client.transport.tls: the transport is `tcp`, which does not use these options; set "
          "`transport.kind`, as `transport = config::tls{...}` does, or remove them\n"
          "client.transport.noise: the transport is `tcp`, which does not use these options; "
          "set `transport.kind`, as `transport = config::tls{...}` does, or remove them");
    };
    run(context, test());
    CHECK_EQ(events.failed, 0);
  }

  TEST_CASE("an update to another transport keeps connections and the services that were added") {
    authority issuer;
    const auto transports = all_transports(issuer);
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      asio::co_spawn(tunnel.context(), echo_visitors(web), asio::detached);
      auto old = co_await tunnel.visit();
      co_await check_echo(old);
      for (const auto& transport : transports) {
        CAPTURE(transport.name);
        auto next = settings_of(
            "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"token\"\n"
            "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n" +
            transport.server);
        co_await tunnel.of_server().async_update(std::move(*next.server), use_awaitable);
        auto same = settings_of(
            "[client]\nremote_addr = \"127.0.0.1:" + std::to_string(tunnel.events.clients_port) +
            "\"\ndefault_token = \"token\"\n[client.services]\n" + transport.client);
        tunnel.events.visitors_ports.clear();
        const int before = tunnel.events.established;
        co_await tunnel.of_client().async_update(std::move(*same.client), use_awaitable);
        if (transport.name != "tcp") {
          const auto is_served = [&] { return tunnel.events.established > before; };
          co_await until(is_served);
          auto visitor = co_await tunnel.visit();
          co_await check_echo(visitor);
        }
        co_await check_echo(old);
      }
      auto wrong = settings_of("[client]\nremote_addr = \"127.0.0.1:1\"\n[client.services]\n");
      wrong.client->transport.kind = config::transport_kind::noise;
      const auto [ec] =
          co_await tunnel.of_client().async_update(std::move(*wrong.client), as_result);
      CHECK_EQ(ec, errc::invalid_settings);
      CHECK_EQ(tunnel.of_client().problems().size(), 1);
      co_await check_echo(old);
    });
  }

  TEST_CASE("a server's services are added and removed at run time") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      config::server_service added;
      added.name = "more";
      added.token = secret("other");
      added.bind_addr = address{"127.0.0.1", 0};
      co_await tunnel.of_server().async_add(added, use_awaitable);
      const auto [twice] = co_await tunnel.of_server().async_add(added, as_result);
      CHECK_EQ(twice, errc::invalid_settings);
      listener more = tunnel.of_client().listen("more", secret("other"));
      auto visitor = co_await tunnel.visit("more");
      stream accepted = co_await more.async_accept(use_awaitable);
      co_await tunnel.of_server().async_remove("more", use_awaitable);
      const auto [gone] = co_await tunnel.of_server().async_remove("more", as_result);
      CHECK_EQ(gone, errc::service_not_exist);
      // Its connection continues.
      co_await asio::async_write(visitor, asio::buffer("x", 1), use_awaitable);
      char byte;
      co_await accepted.async_read_some(asio::buffer(&byte, 1), use_awaitable);
    });
  }

  TEST_CASE("the server's program is a visitor itself, also of a listener in the same process") {
    asio::io_context context(1);
    tunnel_in_process tunnel(context);
    const auto test = [&]() -> asio::awaitable<void> {
      const auto [none, nothing] = co_await tunnel.of_server().async_connect("other", as_result);
      CHECK_EQ(none, errc::service_not_exist);
      co_await tunnel.start_client();
      const auto [early, closed] = co_await tunnel.of_server().async_connect("web", as_result);
      CHECK_EQ(early, errc::no_client);
      listener web = tunnel.of_client().listen("web", secret("token"));
      const auto is_served = [&] { return tunnel.events.established == 1; };
      co_await until(is_served);
      stream visitor = co_await tunnel.of_server().async_connect("web", use_awaitable);
      stream accepted = co_await web.async_accept(use_awaitable);
      co_await asio::async_write(visitor, asio::buffer("ping", 4), use_awaitable);
      std::string text(4, '\0');
      co_await asio::async_read(accepted, asio::buffer(text), use_awaitable);
      CHECK_EQ(text, "ping");
      visitor.shutdown_send();
      char byte;
      const auto [ec, size] = co_await accepted.async_read_some(asio::buffer(&byte, 1), as_result);
      CHECK_EQ(ec, asio::error::eof);
      co_await asio::async_write(accepted, asio::buffer("pong", 4), use_awaitable);
      accepted.close();
      text.clear();
      co_await asio::async_read(visitor, asio::dynamic_buffer(text), as_result);
      CHECK_EQ(text, "pong");
      visitor.close();
      const auto has_ended = [&] { return tunnel.events.server_ended == 1; };
      co_await until(has_ended);
      CHECK_GT(tunnel.events.server_lasted, duration::zero());
    };
    run(context, test());
  }

  TEST_CASE("a server's program refuses visitors, and authenticates clients") {
    asio::io_context context(1);
    auto settings = settings_of(
        "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"unused\"\n"
        "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n");
    event_record events;
    server open(context, std::move(*settings.server), events);
    server::hooks decide;
    bool accepts = false;
    decide.accepts_visitor = [&](std::string_view service, const address&) {
      return service == "web" && accepts;
    };
    decide.authenticate = [](server::authentication_request request,
                             server::authentication_answer answer) {
      answer(request.proof.matches(secret("of the program")));
    };
    open.use(std::move(decide));
    open.async_run(asio::detached);
    const auto test = [&]() -> asio::awaitable<void> {
      const auto listens = [&] { return events.clients_port != 0; };
      co_await until(listens);
      client hidden(context, config::client{.remote_addr = {"127.0.0.1", events.clients_port}},
                    events);
      hidden.async_run(asio::detached);
      {
        const listener wrong = hidden.listen("web", secret("unused"));
        const auto is_refused = [&] { return events.failed > 0; };
        co_await until(is_refused);
        CHECK_EQ(events.last_error, errc::authentication_failed);
      }
      listener web = hidden.listen("web", secret("of the program"));
      const auto is_served = [&] { return events.visitors_ports.contains("web"); };
      co_await until(is_served);
      const asio::ip::tcp::endpoint to(asio::ip::address_v4::loopback(),
                                       events.visitors_ports.at("web"));
      asio::ip::tcp::socket refused(context);
      co_await refused.async_connect(to, use_awaitable);
      char byte;
      const auto [ec, size] = co_await refused.async_read_some(asio::buffer(&byte, 1), as_result);
      CHECK_EQ(ec, asio::error::connection_reset);
      accepts = true;
      asio::ip::tcp::socket visitor(context);
      co_await visitor.async_connect(to, use_awaitable);
      co_await web.async_accept(use_awaitable);
      // Other functions take effect while the server runs.
      server::hooks others;
      others.accepts_visitor = [](std::string_view, const address&) { return false; };
      open.use(std::move(others));
      asio::ip::tcp::socket late(context);
      co_await late.async_connect(to, use_awaitable);
      const auto [late_ec, none] = co_await late.async_read_some(asio::buffer(&byte, 1), as_result);
      CHECK_EQ(late_ec, asio::error::connection_reset);
    };
    run(context, test());
  }

  TEST_CASE("an update that fails takes nothing back of those that wait behind it") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      const std::string keys = "\"\ndefault_token = \"token\"\n[server.services.web]\n" +
                               std::string("bind_addr = \"127.0.0.1:0\"\n");
      // 192.0.2.1 is for documentation (RFC 5737): no machine has it.
      auto wrong = settings_of("[server]\nbind_addr = \"192.0.2.1:1" + keys);
      auto right = settings_of("[server]\nbind_addr = \"127.0.0.1:0" + keys +
                               "[server.services.b]\nbind_addr = \"127.0.0.1:0\"\n");
      const config::server_service b = right.server->services[0];
      CHECK_EQ(b.name, "b");
      std::vector<std::error_code> results;
      const auto note = [&](std::error_code ec) { results.push_back(ec); };
      tunnel.of_server().async_update(std::move(*wrong.server), note);
      tunnel.of_server().async_update(std::move(*right.server), note);
      const auto both_done = [&] { return results.size() == 2; };
      co_await until(both_done);
      CHECK(results[0]);
      CHECK_FALSE(results[1]);
      const auto [twice] = co_await tunnel.of_server().async_add(b, as_result);
      CHECK_EQ(twice, errc::invalid_settings);
    });
  }

  TEST_CASE("a client that is closed, drained, shut down or destroyed completes its run") {
    for (const std::string how : {"close", "drain", "shutdown", "destroy", "late drain"}) {
      CAPTURE(how);
      with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
        listener web = tunnel.of_client().listen("web", secret("token"));
        auto visitor = co_await tunnel.visit();
        std::optional<stream> accepted = co_await web.async_accept(use_awaitable);
        std::optional<std::error_code> drained;
        const auto note = [&](std::error_code ec) { drained = ec; };
        if (how == "close") tunnel.of_client().close();
        if (how == "drain") tunnel.of_client().async_drain(std::chrono::minutes(1), note);
        if (how == "late drain")
          tunnel.of_client().async_drain(std::chrono::milliseconds(50), note);
        if (how == "shutdown") tunnel.of_client().shutdown();
        if (how == "destroy") tunnel.destroy_client();
        if (how == "close" || how == "drain") {
          co_await asio::async_write(visitor, asio::buffer("x", 1), use_awaitable);
          char byte;
          co_await accepted->async_read_some(asio::buffer(&byte, 1), use_awaitable);
          CHECK_FALSE(tunnel.client_ended.has_value());
          accepted.reset();
        }
        const auto has_ended = [&] { return tunnel.client_ended.has_value(); };
        co_await until(has_ended);
        const auto aborted = make_error_code(asio::error::operation_aborted);
        CHECK_EQ(*tunnel.client_ended, how == "destroy" ? aborted : std::error_code());
        if (how == "drain") CHECK_EQ(drained, std::error_code());
        if (how == "late drain") CHECK_EQ(drained, make_error_code(errc::timed_out));
        const auto [ec, none] = co_await web.async_accept(as_result);
        CHECK_EQ(ec, asio::error::operation_aborted);
      });
    }
  }

  TEST_CASE("of several drains the earliest deadline counts, and all learn what happened") {
    using times = std::vector<duration>;
    constexpr duration soon = std::chrono::milliseconds(50);
    constexpr duration later = std::chrono::minutes(5);
    for (const std::string what : {"client", "server", "listener"}) {
      for (const times& timeouts : {times{soon, later}, times{later, soon}, times{later, later}}) {
        CAPTURE(what);
        CAPTURE(timeouts[0] == soon);
        CAPTURE(timeouts[1] == soon);
        with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
          listener web = tunnel.of_client().listen("web", secret("token"));
          auto visitor = co_await tunnel.visit();
          std::optional<stream> accepted = co_await web.async_accept(use_awaitable);
          std::vector<std::error_code> drained;
          const auto note = [&](std::error_code ec) { drained.push_back(ec); };
          for (const duration timeout : timeouts) {
            if (what == "client") tunnel.of_client().async_drain(timeout, note);
            if (what == "server") tunnel.of_server().async_drain(timeout, note);
            if (what == "listener") web.async_drain(timeout, note);
          }
          const bool is_reset = timeouts[0] == soon || timeouts[1] == soon;
          if (!is_reset) {
            co_await asio::async_write(visitor, asio::buffer("x", 1), use_awaitable);
            char byte;
            co_await accepted->async_read_some(asio::buffer(&byte, 1), use_awaitable);
            CHECK(drained.empty());
            accepted.reset();
            visitor.close();
          }
          const auto both_drained = [&] { return drained.size() == 2; };
          co_await until(both_drained);
          const std::error_code wanted =
              is_reset ? make_error_code(errc::timed_out) : std::error_code();
          CHECK_EQ(drained[0], wanted);
          CHECK_EQ(drained[1], wanted);
        });
      }
    }
  }

  TEST_CASE("a drain may wait without a limit") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      auto visitor = co_await tunnel.visit();
      std::optional<stream> accepted = co_await web.async_accept(use_awaitable);
      std::vector<std::error_code> drained;
      const auto note = [&](std::error_code ec) { drained.push_back(ec); };
      web.async_drain(duration::max(), note);
      tunnel.of_client().async_drain(duration::max(), note);
      tunnel.of_server().async_drain(duration::max(), note);
      co_await asio::async_write(visitor, asio::buffer("x", 1), use_awaitable);
      char byte;
      co_await accepted->async_read_some(asio::buffer(&byte, 1), use_awaitable);
      CHECK(drained.empty());
      accepted.reset();
      visitor.close();
      const auto all_drained = [&] { return drained.size() == 3; };
      co_await until(all_drained);
      for (const std::error_code each : drained) CHECK_EQ(each, std::error_code());
    });
  }

  TEST_CASE("a service that is forwarded under a name in use is refused, and the problem named") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      local_echo first(tunnel.context());
      local_echo second(tunnel.context());
      client& hidden = tunnel.of_client();
      hidden.forward("web", secret("token"), *parse_address(first.address()));
      auto visitor = co_await tunnel.visit();
      CHECK(hidden.problems().empty());
      // Nobody waits for its result.
      hidden.forward("web", secret("token"), *parse_address(second.address()));
      const auto is_named = [&] { return !hidden.problems().empty(); };
      co_await until(is_named);
      REQUIRE_EQ(hidden.problems().size(), 1);
      CHECK_EQ(hidden.problems()[0].key, "client.services.web");
      CHECK_EQ(hidden.problems()[0].what, "two services have this name");
      co_await check_echo(visitor);
      CHECK_EQ(second.accepted, 0);
      // One that can be used takes the problem back.
      forwarding other = hidden.forward("other", secret("token"), *parse_address(second.address()));
      co_await other.async_wait_added(use_awaitable);
      CHECK(hidden.problems().empty());
    });
  }

  TEST_CASE("connections can be followed and reset from their start") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      local_echo echo(tunnel.context());
      tunnel.of_client().forward("web", secret("token"), *parse_address(echo.address()));
      auto before = co_await tunnel.visit();
      co_await check_echo(before);
      CHECK_EQ(tunnel.events.followed, nullptr);

      tunnel.of_server().follow_traffic();
      auto visitor = co_await tunnel.visit();
      co_await check_echo(visitor);
      const auto connection = tunnel.events.followed;
      REQUIRE_NE(connection, nullptr);
      const auto is_counted = [&] { return connection->carried().sent > 0; };
      co_await until(is_counted);
      CHECK_EQ(connection->carried().received, connection->carried().sent);
      connection->abort();
      char byte = 0;
      const auto [reset, none] =
          co_await visitor.async_read_some(asio::buffer(&byte, 1), as_result);
      CHECK_EQ(reset, asio::error::connection_reset);
      co_await check_echo(before);
      const auto was_reported = [&] { return tunnel.events.server_ended == 1; };
      co_await until(was_reported);
    });
  }

  TEST_CASE("both ends run on threads of their own beside an executor of any kind") {
    asio::thread_pool pool(2);
    event_record of_server;
    auto settings = settings_of(
        "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"token\"\n"
        "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n");
    std::promise<std::uint16_t> clients;
    std::promise<std::uint16_t> visitors;
    struct {
      std::promise<std::uint16_t>& clients;
      std::promise<std::uint16_t>& visitors;
      void on(const server::listening& event) { clients.set_value(event.at.port); }
      void on(const server::service_listening& event) { visitors.set_value(event.at.port); }
    } observer{clients, visitors};
    server public_end(pool.get_executor(), std::move(*settings.server), observer);
    auto server_ended = public_end.async_run(asio::use_future);
    config::client own;
    own.remote_addr = {"127.0.0.1", clients.get_future().get()};
    client hidden_end(pool.get_executor(), own);
    auto client_ended = hidden_end.async_run(asio::use_future);
    listener web = hidden_end.listen("web", secret("token"));
    auto accepted = web.async_accept(asio::use_future);

    asio::io_context context;
    asio::ip::tcp::socket visitor(context);
    visitor.connect({asio::ip::address_v4::loopback(), visitors.get_future().get()});
    asio::write(visitor, asio::buffer("ping", 4));
    stream served = accepted.get();
    std::string text(4, '\0');
    asio::async_read(served, asio::buffer(text), asio::use_future).get();
    CHECK_EQ(text, "ping");
    served.close();
    hidden_end.shutdown();
    public_end.shutdown();
    client_ended.get();
    server_ended.get();
    pool.join();
  }

  TEST_CASE("a cancellation after the end and before the handler does nothing") {
    asio::io_context handlers;
    auto busy = asio::make_work_guard(handlers);
    asio::cancellation_signal cancel;
    std::optional<std::error_code> ended;
    const std::size_t threads = running_threads();
    {
      config::client settings;
      settings.remote_addr = {"127.0.0.1", 1};
      client alone(asio::any_io_executor(handlers.get_executor()), settings);
      alone.async_run(
          asio::bind_cancellation_slot(cancel.slot(), [&](std::error_code ec) { ended = ec; }));
      alone.close();
    }
    // The client and its thread are gone, its handler has yet to run.
    REQUIRE(eventually([&] { return running_threads() <= threads; }));
    cancel.emit(asio::cancellation_type::terminal);
    busy.reset();
    handlers.run();
    REQUIRE(ended);
    CHECK_EQ(*ended, asio::error::operation_aborted);
  }
}

}  // namespace rathole::test
