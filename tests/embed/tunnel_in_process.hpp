#pragma once

#include <rathole/client.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/server.hpp>

#include "support/authority.hpp"

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {

using asio::use_awaitable;
/// A completion token of coroutines that returns errors instead of throwing them.
inline constexpr auto as_result = asio::experimental::as_tuple(use_awaitable);

/// Runs `work` on `context` until it has ended, for at most five minutes.
inline void run(asio::io_context& context, asio::awaitable<void> work) {
  std::exception_ptr failed;
  bool done = false;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr error) {
    failed = error;
    done = true;
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (!done && std::chrono::steady_clock::now() < deadline) {
    context.restart();
    context.run_one_until(deadline);
  }
  REQUIRE(done);
  if (failed) std::rethrow_exception(failed);
}

/// Returns once `holds()` is true, and fails after half a minute.
inline asio::awaitable<void> until(std::function<bool()> holds) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    timer.expires_after(std::chrono::milliseconds(1));
    co_await timer.async_wait(use_awaitable);
  }
}

/// Records what both ends report.
struct event_record {
  std::uint16_t clients_port = 0;
  std::map<std::string, std::uint16_t> visitors_ports;
  std::vector<std::string> refused;
  int established = 0;
  int failed = 0;
  int client_started = 0;
  int client_ended = 0;
  std::uint64_t client_received = 0;
  std::uint64_t client_sent = 0;
  int server_ended = 0;
  std::shared_ptr<io::live_connection> followed;
  duration server_lasted{};
  std::error_code last_error;

  void on(const server::listening& event) { clients_port = event.at.port; }
  void on(const server::service_listening& event) {
    visitors_ports[std::string(event.service)] = event.at.port;
  }
  void on(const server::visitor_refused& event) { refused.emplace_back(event.service); }
  void on(const server::forward_started& event) { followed = event.connection; }
  void on(const server::forward_ended& event) {
    ++server_ended;
    server_lasted = event.lasted;
  }
  void on(const client::control_channel_established&) { ++established; }
  void on(const client::control_channel_failed& event) {
    ++failed;
    last_error = event.error;
  }
  void on(const client::forward_started&) { ++client_started; }
  void on(const client::forward_ended& event) {
    ++client_ended;
    client_received += event.received;
    client_sent += event.sent;
    last_error = event.error;
  }
};

/// The transport tables of both ends, as in a file.
struct transport_text {
  std::string name;
  std::string server;
  std::string client;
};

/// Returns every transport of this build, with the identity files of `issuer`.
inline std::vector<transport_text> all_transports(authority& issuer) {
  const auto files = issuer.issue();
  const std::string server_tls =
      "cert = \"" + files.certificate + "\"\nkey = \"" + files.key + "\"\n";
  const std::string client_tls =
      "hostname = \"localhost\"\ntrusted_root = \"" + issuer.root() + "\"\n";
  const auto both = [](const std::string& type, const std::string& tables_of_server,
                       const std::string& tables_of_client) {
    const auto text = [&](const std::string& side, std::string tables) {
      for (auto at = tables.find("SIDE"); at != std::string::npos; at = tables.find("SIDE")) {
        tables.replace(at, 4, side + ".transport");
      }
      return "[" + side + ".transport]\ntype = \"" + type + "\"\n" + tables;
    };
    return transport_text{type, text("server", tables_of_server), text("client", tables_of_client)};
  };
  std::vector<transport_text> out{{"tcp", "", ""}};
#if RATHOLE_WITH_TLS
  out.push_back(both("tls", "[SIDE.tls]\nengine = \"botan\"\n" + server_tls,
                     "[SIDE.tls]\nengine = \"botan\"\n" + client_tls));
#if RATHOLE_WITH_OPENSSL
  out.push_back(both("tls", "[SIDE.tls]\nengine = \"openssl\"\n" + server_tls,
                     "[SIDE.tls]\nengine = \"openssl\"\n" + client_tls));
  out.back().name = "tls by OpenSSL";
#endif
#endif
#if RATHOLE_WITH_NOISE
  out.push_back(both("noise", "[SIDE.noise]\npattern = \"Noise_NN_25519_ChaChaPoly_BLAKE2s\"\n",
                     "[SIDE.noise]\npattern = \"Noise_NN_25519_ChaChaPoly_BLAKE2s\"\n"));
#if RATHOLE_WITH_OPENSSL
  const std::string by_openssl =
      "[SIDE.noise]\npattern = \"Noise_NN_25519_AESGCM_SHA256\"\nengine = \"openssl\"\n";
  out.push_back(both("noise", by_openssl, by_openssl));
  out.back().name = "noise by OpenSSL";
#endif
#endif
#if RATHOLE_WITH_WEBSOCKET
  out.push_back(
      both("websocket", "[SIDE.websocket]\ntls = false\n", "[SIDE.websocket]\ntls = false\n"));
#if RATHOLE_WITH_TLS
  out.push_back(both("websocket", "[SIDE.websocket]\ntls = true\n[SIDE.tls]\n" + server_tls,
                     "[SIDE.websocket]\ntls = true\n[SIDE.tls]\n" + client_tls));
  out.back().name = "websocket over tls";
#endif
#endif
  return out;
}

/// Returns the settings in the text of a file, whose problems fail the test.
inline config::config settings_of(const std::string& text) {
  auto parsed = config::parse(text, "test.toml");
  REQUIRE(parsed);
  return std::move(*parsed);
}

/// The listener of the service `web`, a visitor of it, and the stream that the program accepted.
struct accepted_visitor {
  accepted_visitor(listener from, asio::ip::tcp::socket who, stream served)
      : web(std::move(from)), visitor(std::move(who)), accepted(std::move(served)) {}

  listener web;
  asio::ip::tcp::socket visitor;
  stream accepted;
};

/// A server and a client without services of its own in one context, with the service `web`.
class tunnel_in_process {
 public:
  explicit tunnel_in_process(asio::io_context& context, const transport_text& transport = {},
                             const std::string& server_keys = {})
      : context_(context), transport_(transport) {
    auto settings = settings_of(
        "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"token\"\n" + server_keys +
        "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n" + transport.server);
    server_.emplace(context_, std::move(*settings.server), events);
    server_->async_run([this](std::error_code ec) { server_ended = ec; });
  }

  /// Returns the settings of a client of the server, which has the services in `services`.
  asio::awaitable<config::client> client_settings(const std::string& services = {}) {
    const auto listens = [this] { return events.clients_port != 0; };
    co_await until(listens);
    auto settings =
        settings_of("[client]\nremote_addr = \"127.0.0.1:" + std::to_string(events.clients_port) +
                    "\"\ndefault_token = \"token\"\n" +
                    (services.empty() ? "[client.services]\n" : services) + transport_.client);
    co_return std::move(*settings.client);
  }

  /// Makes the client and starts it.
  asio::awaitable<void> start_client(const std::string& services = {}) {
    client_ = std::make_unique<client>(context_, co_await client_settings(services), events);
    client_->async_run([this](std::error_code ec) { client_ended = ec; });
  }

  /// Connects a visitor of `service`, once it is served.
  asio::awaitable<asio::ip::tcp::socket> visit(std::string service = "web") {
    const auto is_served = [&] { return events.visitors_ports.contains(service); };
    co_await until(is_served);
    asio::ip::tcp::socket visitor(context_);
    const asio::ip::tcp::endpoint to(asio::ip::address_v4::loopback(),
                                     events.visitors_ports.at(service));
    co_await visitor.async_connect(to, use_awaitable);
    co_return visitor;
  }

  /// Serves the service `web` in the program, and accepts a visitor of it.
  asio::awaitable<accepted_visitor> accept_visitor() {
    listener web = of_client().listen("web", secret("token"));
    auto visitor = co_await visit();
    stream accepted = co_await web.async_accept(use_awaitable);
    co_return accepted_visitor(std::move(web), std::move(visitor), std::move(accepted));
  }

  asio::io_context& context() { return context_; }
  server& of_server() { return *server_; }
  client& of_client() { return *client_; }
  void destroy_client() { client_.reset(); }
  void destroy_server() { server_.reset(); }

  event_record events;
  std::optional<std::error_code> server_ended;
  std::optional<std::error_code> client_ended;

 private:
  asio::io_context& context_;
  const transport_text transport_;
  std::optional<server> server_;
  std::unique_ptr<client> client_;
};

/// Runs `test(tunnel)`, a coroutine, with a tunnel that `rest` says more about, and whose client has
/// started.
template <class Tunnel = tunnel_in_process, class Test, class... Rest>
void with_tunnel(Test test, const Rest&... rest) {
  asio::io_context context(1);
  Tunnel tunnel(context, rest...);
  const auto work = [&]() -> asio::awaitable<void> {
    co_await tunnel.start_client();
    co_await test(tunnel);
  };
  run(context, work());
}

/// Returns `size` bytes that depend on `seed`.
inline std::string pattern(std::size_t size, std::size_t seed) {
  std::string out(size, '\0');
  for (std::size_t at = 0; at < size; ++at) {
    out[at] = static_cast<char>((at * 31 + seed * 131 + (at >> 8)) & 0xff);
  }
  return out;
}

/// Echoes what the visitor sends until its end, and then ends too.
inline asio::awaitable<void> echo(stream visitor) {
  std::vector<char> room(32 * 1024);
  for (;;) {
    const auto [ec, size] = co_await visitor.async_read_some(asio::buffer(room), as_result);
    if (ec) break;
    const auto [failed, written] =
        co_await asio::async_write(visitor, asio::buffer(room.data(), size), as_result);
    if (failed) break;
  }
  co_await visitor.async_shutdown_send(as_result);
}

/// Echoes the visitors of `from` until it is closed.
inline asio::awaitable<void> echo_visitors(listener& from) {
  const auto ex = co_await asio::this_coro::executor;
  for (;;) {
    auto [ec, visitor] = co_await from.async_accept(as_result);
    if (ec) break;
    asio::co_spawn(ex, echo(std::move(visitor)), [](std::exception_ptr) {});
  }
}

}  // namespace rathole::test
