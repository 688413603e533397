#include <rathole/client/client.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/proxied.hpp>
#include <rathole/transport/socket_options.hpp>
#include <rathole/transport/tcp.hpp>

#include "support/net.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace rathole::test {

namespace {

using tcp_transport = transport::tcp<io::asio_runtime>;

/// Records where the server listens, and lets a test wait for events.
struct recorder {
  std::uint16_t clients_port = 0;
  std::uint16_t visitors_port = 0;
  int accept_failures = 0;
  std::optional<std::error_code> lost;

  void on(const server_side::listening& event) { clients_port = event.at.port; }
  void on(const server_side::service_listening& event) { visitors_port = event.at.port; }
  void on(const server_side::accept_failed&) { ++accept_failures; }
  void on(const client_side::control_channel_failed& event) { lost = event.error; }
};

null_observer ignore_events;

config::server server_settings() {
  config::server_service service;
  service.name = "echo";
  service.token = secret("token");
  service.bind_addr = address{"127.0.0.1", 0};
  config::server settings;
  settings.bind_addr = address{"127.0.0.1", 0};
  settings.services.push_back(service);
  return settings;
}

config::client client_settings(std::uint16_t server_port, std::uint16_t local_port) {
  config::client_service service;
  service.name = "echo";
  service.token = secret("token");
  service.local_addr = address{"127.0.0.1", local_port};
  config::client settings;
  settings.remote_addr = address{"127.0.0.1", server_port};
  settings.services.push_back(service);
  return settings;
}

void run_until(asio::io_context& context, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  context.restart();
  while (!condition() && std::chrono::steady_clock::now() < deadline) {
    context.run_one_for(std::chrono::milliseconds(20));
  }
  REQUIRE(condition());
}

/// Returns how an operation ended: success, or its error.
template <class T>
io::awaitable<std::error_code> outcome(io::task<T> operation) {
  const auto ended = co_await std::move(operation);
  if (ended) co_return std::error_code();
  co_return ended.error();
}

/// Runs an instance from within a coroutine; returns how it ended.
template <class Instance>
io::awaitable<std::error_code> awaited(Instance& instance) {
  try {
    co_await instance.async_run(asio::use_awaitable_t<io::executor>());
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

tcp_transport plain(asio::io_context& context) {
  return tcp_transport(io::asio_runtime(context), io::socket_options());
}

}  // namespace

namespace {

/// Plain TCP that records the latest options that it was given.
struct watched_transport : tcp_transport {
  using tcp_transport::tcp_transport;
  watched_transport at(io::asio_runtime runtime) {
    return watched_transport(std::move(runtime), options);
  }
  void set_options(const io::socket_options& next) {
    options = next;
    last_options = next;
    tcp_transport::set_options(next);
  }
  io::socket_options options;
  static inline std::optional<io::socket_options> last_options;
};

/// Returns TCP_USER_TIMEOUT of a socket in milliseconds.
int user_timeout_of(const tcp_socket& socket) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(socket.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size);
  return value;
}

/// Plain TCP that sets its options also on connections to this machine, and keeps a copy of the
/// descriptor of each connection that it dialled.
struct remote_transport : watched_transport {
  using watched_transport::watched_transport;
  remote_transport at(io::asio_runtime runtime) {
    return remote_transport(std::move(runtime), options);
  }
  io::task<io::tcp_stream> connect(const address& to, step_deadline, std::stop_token) {
    const tcp_socket socket = tcp_socket::connect(to.port);
    io::tcp_stream made(runtime().get_executor(), io::descriptor(::dup(socket.fd())), to);
    made.apply(options);
    dialled.emplace_back(::dup(socket.fd()));
    co_return made;
  }
  static inline std::vector<tcp_socket> dialled;
};

/// Returns how an instance ends that ends at once.
template <class Instance>
std::error_code end_of(asio::io_context& context, Instance& instance) {
  std::optional<std::error_code> ended;
  instance.async_run([&](std::error_code ec) { ended = ec; });
  run_until(context, [&] { return ended.has_value(); });
  return *ended;
}

}  // namespace

TEST_SUITE("settings that a client or server cannot have") {
  TEST_CASE("a transport that does not match the settings ends an instance at once") {
    asio::io_context context(1);
    for (const auto kind : {config::transport_kind::tls, config::transport_kind::noise,
                            config::transport_kind::websocket}) {
      auto on_server = server_settings();
      on_server.transport.kind = kind;
      server_side::basic_server server(plain(context), on_server, ignore_events);
      CHECK(end_of(context, server) == errc::wrong_transport);
      auto on_client = client_settings(1, 1);
      on_client.transport.kind = kind;
      client_side::basic_client client(plain(context), on_client, ignore_events);
      CHECK(end_of(context, client) == errc::wrong_transport);
      CHECK(client.tasks() == 0);
    }
  }

  TEST_CASE("a proxy that the transport does not use ends a client at once") {
    asio::io_context context(1);
    auto settings = client_settings(1, 1);
    settings.transport.tcp.proxy.emplace().host = "proxy";
    client_side::basic_client direct(plain(context), settings, ignore_events);
    CHECK(end_of(context, direct) == errc::wrong_transport);
    proxy::settings other;
    other.proxy = address{"other", 1080};
    transport::proxied through(io::asio_runtime(context), {}, other);
    client_side::basic_client elsewhere(through, settings, ignore_events);
    CHECK(end_of(context, elsewhere) == errc::wrong_transport);
    client_side::basic_client unasked(through, client_settings(1, 1), ignore_events);
    CHECK(end_of(context, unasked) == errc::wrong_transport);
  }

  TEST_CASE("two services of the same name end an instance at once") {
    asio::io_context context(1);
    auto on_server = server_settings();
    on_server.services.push_back(on_server.services.front());
    server_side::basic_server server(plain(context), on_server, ignore_events);
    CHECK(end_of(context, server) == errc::invalid_settings);
    auto on_client = client_settings(1, 1);
    on_client.services.push_back(on_client.services.front());
    client_side::basic_client client(plain(context), on_client, ignore_events);
    CHECK(end_of(context, client) == errc::invalid_settings);
  }

  TEST_CASE("an update with invalid settings fails and changes nothing") {
    asio::io_context context(1);
    recorder seen;
    server_side::basic_server<tcp_transport, recorder> server(plain(context), server_settings(),
                                                              seen);
    server.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.clients_port != 0; });
    auto next = server_settings();
    next.transport.kind = config::transport_kind::tls;
    std::optional<std::error_code> updated;
    server.async_update(next, [&](std::error_code ec) { updated = ec; });
    run_until(context, [&] { return updated.has_value(); });
    CHECK(*updated == errc::wrong_transport);

    client_side::basic_client client(plain(context), client_settings(seen.clients_port, 1), seen);
    client.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.visitors_port != 0; });
    auto other = client_settings(1, 1);
    other.services.push_back(other.services.front());
    CHECK(client.update(other) == failure(errc::invalid_settings));
    client.stop();
    server.stop();
    context.run();
  }

  TEST_CASE("keepalive and the other socket options come from the settings, whatever was passed") {
    asio::io_context context(1);
    const auto check_options = [&](auto make) {
      watched_transport::last_options.reset();
      make(watched_transport(io::asio_runtime(context)));
      REQUIRE(watched_transport::last_options);
      CHECK(watched_transport::last_options->keepalive_idle == std::chrono::seconds(20));
      CHECK(watched_transport::last_options->user_timeout == std::chrono::seconds(20));
      CHECK(watched_transport::last_options->nodelay == true);
    };
    check_options([](watched_transport tunnel) {
      client_side::basic_client client(std::move(tunnel), client_settings(1, 1), ignore_events);
    });
    check_options([](watched_transport tunnel) {
      server_side::basic_server server(std::move(tunnel), server_settings(), ignore_events);
    });
  }
}

TEST_SUITE("client and server in one context") {
  TEST_CASE("a visitor is forwarded, and stopping ends both operations") {
    asio::io_context context(1);
    recorder seen;
    server_side::basic_server<tcp_transport, recorder> server(plain(context), server_settings(),
                                                              seen);
    std::optional<std::error_code> server_ended;
    server.async_run([&](std::error_code ec) { server_ended = ec; });
    run_until(context, [&] { return seen.clients_port != 0; });

    tcp_socket local = tcp_socket::listen();
    std::jthread echo([&] {
      auto accepted = local.accept();
      accepted->send_all(accepted->receive_all());
    });
    client_side::basic_client<tcp_transport, recorder> client(
        plain(context), client_settings(seen.clients_port, local.port()), seen);
    std::optional<std::error_code> client_ended;
    client.async_run([&](std::error_code ec) { client_ended = ec; });
    run_until(context, [&] { return seen.visitors_port != 0; });

    std::string answer;
    std::atomic<bool> has_answer = false;
    std::jthread visitor([&] {
      auto socket = tcp_socket::connect(seen.visitors_port);
      socket.send_all("through the tunnel");
      socket.shutdown_write();
      answer = socket.receive_all();
      has_answer = true;
    });
    run_until(context, [&] { return has_answer.load(); });
    CHECK(answer == "through the tunnel");

    client.stop();
    server.stop();
    run_until(context, [&] { return server_ended && client_ended; });
    CHECK_FALSE(*server_ended);
    CHECK_FALSE(*client_ended);
    context.run_for(std::chrono::seconds(30));
    CHECK(context.stopped());
  }

  TEST_CASE("simultaneous visitors without a pool are all served") {
    asio::io_context context(1);
    recorder seen;
    auto settings = server_settings();
    settings.services[0].pool.size = 0;
    server_side::basic_server<tcp_transport, recorder> server(plain(context), settings, seen);
    server.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.clients_port != 0; });
    tcp_socket local = tcp_socket::listen();
    client_side::basic_client<tcp_transport, recorder> client(
        plain(context), client_settings(seen.clients_port, local.port()), seen);
    client.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.visitors_port != 0; });

    constexpr int count = 20;
    std::vector<tcp_socket> visitors;
    for (int i = 0; i < count; ++i) {
      visitors.push_back(tcp_socket::connect(seen.visitors_port));
      visitors.back().send_all("hello");
    }
    std::atomic<int> served = 0;
    std::jthread service([&] {
      std::vector<tcp_socket> kept;
      for (int i = 0; i < count; ++i) {
        kept.push_back(std::move(*local.accept()));
        if (kept.back().receive(5) == "hello") ++served;
      }
    });
    run_until(context, [&] { return served == count; });
  }

  TEST_CASE("an observer may stop the server during an event") {
    struct stopper {
      std::uint16_t clients_port = 0;
      std::uint16_t visitors_port = 0;
      int refused = 0;
      std::function<void()> stop;

      void on(const server_side::listening& event) { clients_port = event.at.port; }
      void on(const server_side::service_listening& event) { visitors_port = event.at.port; }
      void on(const server_side::visitor_refused&) {
        ++refused;
        stop();
      }
    } seen;
    asio::io_context context(1);
    auto settings = server_settings();
    settings.services[0].pool.size = 0;
    settings.services[0].pool.max_waiting_visitors = 2;
    server_side::basic_server<tcp_transport, stopper> server(plain(context), settings, seen);
    seen.stop = [&] { server.stop_now(); };
    std::optional<std::error_code> ended;
    server.async_run([&](std::error_code ec) { ended = ec; });
    run_until(context, [&] { return seen.clients_port != 0; });
    client_side::basic_client<tcp_transport> client(
        plain(context), client_settings(seen.clients_port, 1), ignore_events);
    client.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.visitors_port != 0; });
    std::vector<tcp_socket> visitors;
    for (int i = 0; i < 5; ++i) visitors.push_back(tcp_socket::connect(seen.visitors_port));
    run_until(context, [&] { return ended.has_value(); });
    CHECK_FALSE(*ended);
    CHECK(seen.refused > 0);
  }

  TEST_CASE("a server that is stopped before it listens ends without an error") {
    asio::io_context context(1);
    server_side::basic_server<tcp_transport> server(plain(context), server_settings(),
                                                    ignore_events);
    std::optional<std::error_code> ended;
    server.async_run([&](std::error_code ec) { ended = ec; });
    server.stop();
    run_until(context, [&] { return ended.has_value(); });
    CHECK_FALSE(*ended);
  }

  TEST_CASE("settings that mean no limit disable the limits") {
    asio::io_context context(1);
    recorder seen;
    auto settings = server_settings();
    settings.shutdown_grace = std::chrono::milliseconds::max();
    settings.handshake_timeout = std::chrono::milliseconds::max();
    settings.heartbeat_interval = std::chrono::milliseconds::max();
    server_side::basic_server<tcp_transport, recorder> server(plain(context), settings, seen);
    server.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.clients_port != 0; });
    tcp_socket local = tcp_socket::listen();
    auto on_client = client_settings(seen.clients_port, local.port());
    on_client.handshake_timeout = std::chrono::milliseconds::max();
    on_client.connect_timeout = std::chrono::milliseconds::max();
    on_client.heartbeat_timeout = std::chrono::milliseconds::max();
    client_side::basic_client<tcp_transport, recorder> client(plain(context), on_client, seen);
    client.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.visitors_port != 0; });
    CHECK_FALSE(seen.lost);
  }

  TEST_CASE("a receiver that pauses is not ended by TCP_USER_TIMEOUT") {
    asio::io_context context(1);
    tcp_socket listener = tcp_socket::listen();
    tcp_socket outside = tcp_socket::connect(listener.port());
    auto accepted = listener.accept();
    io::tcp_stream stream(context.get_executor(), io::descriptor(::dup(accepted->fd())),
                          address{"127.0.0.1", 1});
    config::tcp_options settings;
    settings.user_timeout = std::chrono::seconds(7);
    stream.apply(transport::to_socket_options(settings));
    CHECK(user_timeout_of(*accepted) == 7000);
    stream.apply(transport::to_traffic_options(settings, std::nullopt));
    CHECK(user_timeout_of(*accepted) == 0);
  }

  TEST_CASE("a client's idle data channel is not given up before its control channel") {
    asio::io_context context(1);
    recorder seen;
    server_side::basic_server<tcp_transport, recorder> server(plain(context), server_settings(),
                                                              seen);
    server.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.clients_port != 0; });
    auto settings = client_settings(seen.clients_port, 1);
    settings.transport.tcp.user_timeout = std::chrono::seconds(7);
    settings.heartbeat_timeout = std::chrono::seconds(11);
    remote_transport::dialled.clear();
    remote_transport tunnel{io::asio_runtime(context)};
    client_side::basic_client client(std::move(tunnel), settings, ignore_events);
    client.async_run([](std::error_code) {});
    const auto& dialled = remote_transport::dialled;
    run_until(context, [&] { return dialled.size() > 1 && user_timeout_of(dialled[1]) != 7000; });
    CHECK(user_timeout_of(dialled[0]) == 7000);
    CHECK(user_timeout_of(dialled[1]) == 22'000);
  }

  TEST_CASE("without TCP_USER_TIMEOUT, or with a longer one, idle data channels have the same") {
    config::client settings;
    settings.transport.tcp.user_timeout = std::chrono::seconds(0);
    CHECK(transport::to_waiting_options(settings).user_timeout == std::chrono::seconds(0));
    settings.transport.tcp.user_timeout = std::chrono::seconds(90);
    CHECK(transport::to_waiting_options(settings).user_timeout == std::chrono::seconds(90));
    settings.heartbeat_timeout = std::chrono::seconds(0);
    CHECK(transport::to_waiting_options(settings).user_timeout == std::chrono::seconds(90));
    settings.heartbeat_timeout = std::chrono::milliseconds::max();
    CHECK(transport::to_waiting_options(settings).user_timeout->count() <=
          std::numeric_limits<int>::max());
  }

  TEST_CASE("a server that cannot listen fails at once") {
    asio::io_context context(1);
    tcp_socket taken = tcp_socket::listen();
    auto settings = server_settings();
    settings.bind_addr = address{"127.0.0.1", taken.port()};
    server_side::basic_server<tcp_transport> server(plain(context), settings, ignore_events);
    std::optional<std::error_code> ended;
    asio::co_spawn(context, awaited(server),
                   [&](std::exception_ptr, std::error_code ec) { ended = ec; });
    context.run();
    REQUIRE(ended);
    CHECK(*ended == std::errc::address_in_use);
  }

  TEST_CASE("cancelling the operation stops the instance in order") {
    asio::io_context context(1);
    recorder seen;
    server_side::basic_server<tcp_transport, recorder> server(plain(context), server_settings(),
                                                              seen);
    asio::cancellation_signal cancel;
    std::optional<std::error_code> ended;
    server.async_run(
        asio::bind_cancellation_slot(cancel.slot(), [&](std::error_code ec) { ended = ec; }));
    run_until(context, [&] { return seen.clients_port != 0; });
    cancel.emit(asio::cancellation_type::terminal);
    run_until(context, [&] { return ended.has_value(); });
    CHECK_FALSE(*ended);
  }

  TEST_CASE("a client without a server stops at once, during its retries") {
    asio::io_context context(1);
    recorder seen;
    tcp_socket refused = tcp_socket::listen();
    const std::uint16_t port = refused.port();
    refused.close();
    client_side::basic_client<tcp_transport, recorder> client(plain(context),
                                                              client_settings(port, 1), seen);
    std::optional<std::error_code> ended;
    client.async_run([&](std::error_code ec) { ended = ec; });
    run_until(context, [&] { return seen.lost.has_value(); });
    CHECK(*seen.lost == std::errc::connection_refused);
    client.stop();
    run_until(context, [&] { return ended.has_value(); });
    CHECK_FALSE(*ended);
  }

  TEST_CASE("a dial whose stop is already requested does not begin") {
    asio::io_context context(1);
    io::asio_runtime runtime(context);
    tcp_socket listener = tcp_socket::listen();
    const address to{"127.0.0.1", listener.port()};
    const io::socket_options options;
    std::stop_source stop;
    stop.request_stop();
    std::optional<std::error_code> ended;
    asio::co_spawn(context,
                   outcome(runtime.connect(to, options, runtime.now() + std::chrono::seconds(30),
                                           stop.get_token())),
                   [&](std::exception_ptr, std::error_code ec) { ended = ec; });
    run_until(context, [&] { return ended.has_value(); });
    CHECK(*ended == errc::stopped);
  }

  TEST_CASE("a name that does not resolve is an error, and cancelling the look-up is prompt") {
    asio::io_context context(1);
    io::asio_runtime runtime(context);
    const address nowhere{"nowhere.invalid", 1};
    std::stop_source stop;
    std::optional<std::error_code> ended;
    asio::co_spawn(context, outcome(runtime.listen(nowhere, {}, stop.get_token())),
                   [&](std::exception_ptr, std::error_code ec) { ended = ec; });
    SUBCASE("looked up") {
      run_until(context, [&] { return ended.has_value(); });
      CHECK(*ended != errc::stopped);
      CHECK(*ended);
    }
    SUBCASE("cancelled") {
      context.poll_one();
      stop.request_stop();
      run_until(context, [&] { return ended.has_value(); });
      CHECK(*ended == errc::stopped);
    }
  }

  TEST_CASE(
      "a context may end with both operations suspended, and the objects may be destroyed before "
      "it") {
    std::optional<asio::io_context> context(std::in_place, 1);
    recorder seen;
    tcp_socket local = tcp_socket::listen();
    tcp_socket visitor;
    {
      server_side::basic_server<tcp_transport, recorder> server(plain(*context), server_settings(),
                                                                seen);
      server.async_run([](std::error_code) {});
      run_until(*context, [&] { return seen.clients_port != 0; });
      client_side::basic_client<tcp_transport, recorder> client(
          plain(*context), client_settings(seen.clients_port, local.port()), seen);
      client.async_run([](std::error_code) {});
      run_until(*context, [&] { return seen.visitors_port != 0; });
      visitor = tcp_socket::connect(seen.visitors_port);
      context->run_for(std::chrono::milliseconds(50));
    }
    context.reset();
    CHECK(visitor.ends());
  }

  TEST_CASE("running out of descriptors pauses accepting, and does not end it") {
    asio::io_context context(1);
    recorder seen;
    server_side::basic_server<tcp_transport, recorder> server(plain(context), server_settings(),
                                                              seen);
    server.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.clients_port != 0; });

    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    tcp_socket first = tcp_socket::unconnected();
    const rlimit none{static_cast<rlim_t>(first.fd()) + 1, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    const sockaddr_in to = loopback(seen.clients_port);
    REQUIRE(::connect(first.fd(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    run_until(context, [&] { return seen.accept_failures > 0; });
    ::setrlimit(RLIMIT_NOFILE, &before);

    tcp_socket local = tcp_socket::listen();
    client_side::basic_client<tcp_transport, recorder> client(
        plain(context), client_settings(seen.clients_port, local.port()), seen);
    client.async_run([](std::error_code) {});
    run_until(context, [&] { return seen.visitors_port != 0; });
  }
}

}  // namespace rathole::test
