// What a server's program decides, on real sockets and from other threads.

#include <rathole/client/client.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/tcp.hpp>

#include <doctest/doctest.h>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace rathole::test {

namespace {

using tcp_transport = transport::tcp<io::asio_runtime>;
using stream_pointer = std::shared_ptr<io::shared_stream>;

/// Counts what a test waits for.
struct event_counter {
  std::uint16_t clients_port = 0;
  int established = 0;
  int started = 0;
  int ended = 0;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;

  void on(const server_side::listening& event) { clients_port = event.at.port; }
  void on(const server_side::control_channel_established&) { ++established; }
  void on(const server_side::forward_started&) { ++started; }
  void on(const server_side::forward_ended& event) {
    ++ended;
    received = event.received;
    sent = event.sent;
  }
};

tcp_transport plain(asio::io_context& context) {
  return tcp_transport(io::asio_runtime(context), io::socket_options());
}

/// A server of the service "echo" and its client, whose local service does not exist, in one
/// context.
struct hooked_tunnel {
  explicit hooked_tunnel(std::shared_ptr<server_side::server_hooks> hooks,
                         std::uint16_t local_port = 1)
      : local(local_port) {
    config::server_service service;
    service.name = "echo";
    service.token = secret("token");
    service.bind_addr = address{"127.0.0.1", 0};
    config::server settings;
    settings.bind_addr = address{"127.0.0.1", 0};
    settings.services.push_back(service);
    server.emplace(plain(context), settings, events, std::move(hooks));
    server->async_run([this](std::error_code) { ++instances_ended; });
    run_until([this] { return events.clients_port != 0; });
  }

  void start_client() {
    config::client_service service;
    service.name = "echo";
    service.token = secret("token");
    service.local_addr = address{"127.0.0.1", local};
    config::client settings;
    settings.remote_addr = address{"127.0.0.1", events.clients_port};
    settings.services.push_back(service);
    client.emplace(plain(context), settings, ignored);
    client->async_run([this](std::error_code) { ++instances_ended; });
  }

  void run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    context.restart();
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      context.run_one_for(std::chrono::milliseconds(20));
    }
    REQUIRE(condition());
  }

  /// Runs `work` to its end.
  template <class T>
  result<T> get(io::task<T> work) {
    std::optional<result<T>> out;
    io::task_group group(context.get_executor());
    group.spawn(keep(std::move(work), out));
    run_until([&] { return out.has_value(); });
    return std::move(*out);
  }

  result<stream_pointer> connect(std::stop_token cancel = {}) {
    std::optional<result<stream_pointer>> out;
    server->connect("echo", std::move(cancel),
                    [&out](result<stream_pointer> made) { out.emplace(std::move(made)); });
    run_until([&] { return out.has_value(); });
    return std::move(*out);
  }

  void stop() {
    server->stop_now();
    if (client) client->stop_now();
    const int all = client ? 2 : 1;
    run_until([&] { return instances_ended == all; });
  }

  template <class T>
  static io::awaitable<void> keep(io::task<T> work, std::optional<result<T>>& out) {
    auto ended = co_await std::move(work);
    out.emplace(std::move(ended));
  }

  asio::io_context context;
  event_counter events;
  null_observer ignored;
  std::uint16_t local;
  int instances_ended = 0;
  std::optional<server_side::basic_server<tcp_transport, event_counter>> server;
  std::optional<client_side::basic_client<tcp_transport>> client;
};

}  // namespace

TEST_CASE("server hooks: an authenticator may answer on another thread") {
  auto hooks = std::make_shared<server_side::server_hooks>();
  std::jthread answering;
  hooks->authenticate = [&answering](server_side::authentication_request request,
                                     server_side::authentication_answer answer) {
    answering = std::jthread([request = std::move(request), answer = std::move(answer)]() mutable {
      answer(request.proof.matches(secret("token")));
    });
  };
  hooked_tunnel tunnel(hooks);
  tunnel.start_client();
  tunnel.run_until([&] { return tunnel.events.established == 1; });
  answering.join();
  tunnel.stop();
}

TEST_CASE("connect: the program talks to a local service over real sockets") {
  const asio::ip::tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
  asio::io_context service_context;
  asio::ip::tcp::acceptor acceptor(service_context, any);
  std::jthread service([&acceptor] {
    asio::ip::tcp::socket visitor(acceptor.get_executor());
    acceptor.accept(visitor);
    char buffer[16];
    std::error_code ec;
    while (!ec) {
      const std::size_t count = visitor.read_some(asio::buffer(buffer), ec);
      if (!ec) asio::write(visitor, asio::buffer(buffer, count), ec);
    }
  });
  hooked_tunnel tunnel(nullptr, acceptor.local_endpoint().port());
  tunnel.start_client();
  tunnel.run_until([&] { return tunnel.events.established == 1; });
  auto stream = tunnel.connect();
  REQUIRE(stream.has_value());
  const std::string word = "hello";
  const byte_view sent(reinterpret_cast<const std::uint8_t*>(word.data()), word.size());
  CHECK(tunnel.get((*stream)->write(sent)).has_value());
  std::uint8_t buffer[16];
  CHECK(tunnel.get((*stream)->read_some(buffer)) == word.size());
  CHECK(std::string(buffer, buffer + word.size()) == word);
  CHECK(tunnel.get((*stream)->shutdown_send()).has_value());
  CHECK(tunnel.get((*stream)->read_some(buffer)) == 0);
  service.join();
  CHECK(tunnel.events.ended == 0);
  // The last owner may be on another thread.
  std::jthread([dropped = std::move(*stream)] {}).join();
  tunnel.run_until([&] { return tunnel.events.ended == 1; });
  CHECK(tunnel.events.started == 1);
  CHECK(tunnel.events.received == word.size());
  CHECK(tunnel.events.sent == word.size());
  tunnel.stop();
}

TEST_CASE("connect: a request may be cancelled on another thread") {
  hooked_tunnel tunnel(nullptr);
  tunnel.start_client();
  tunnel.run_until([&] { return tunnel.events.established == 1; });
  // Either outcome is right; what counts is that there is exactly one.
  for (int i = 0; i < 50; ++i) {
    std::stop_source stop;
    std::jthread cancelling([&stop] { stop.request_stop(); });
    const auto made = tunnel.connect(stop.get_token());
    cancelling.join();
    CHECK((made || made.error() == errc::stopped));
    if (made) (*made)->close();
  }
  tunnel.run_until([&] { return tunnel.events.ended == tunnel.events.started; });
  tunnel.stop();
}

}  // namespace rathole::test
