#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/crypto/system_rng.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/asio_timer.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/tcp_acceptor.hpp>
#include <rathole/io/tcp_stream.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/basic_resolver.hpp>

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace rathole::io {

/// The real world: sockets, the steady clock and the system's random source, on one
/// `asio::io_context` that the caller owns and runs on one thread. Models `Runtime`.
class asio_runtime {
 public:
  using stream = tcp_stream;
  using acceptor = tcp_acceptor;

  class timer : public asio_timer {
   public:
    explicit timer(asio_runtime& runtime) : asio_timer(runtime.get_executor()) {}
  };

  /// `context` outlives the runtime and its copies.
  explicit asio_runtime(asio::io_context& context) : context_(&context) {}

  executor get_executor() { return context_->get_executor(); }
  time_point now() const { return clock::now(); }
  crypto::system_rng rng() const { return {}; }

  /// Dials the resolved addresses in order; the last refusal is the error.
  task<tcp_stream> connect(const address& to, const socket_options& options, time_point deadline,
                           std::stop_token stop) {
    auto endpoints = co_await resolve(to, deadline, stop);
    if (!endpoints) co_return failure(endpoints.error());
    std::error_code last = make_error_code(errc::host_not_found);
    for (const auto& endpoint : *endpoints) {
      tcp_stream::socket_type socket(get_executor());
      const auto give_up = [&socket] {
        std::error_code ignored;
        socket.close(ignored);
      };
      const alarm<asio_runtime> ring(*this, deadline, give_up);
      const std::stop_callback on_stop(stop, give_up);
      auto [ec] = co_await socket.async_connect(endpoint, use_tuple);
      if (!ec) {
        tcp_stream connected(std::move(socket), to_address(endpoint));
        connected.apply(options);
        co_return connected;
      }
      last = ring.explain(translate(ec));
      if (ring.rang() || stop.stop_requested()) break;
    }
    co_return failure(last);
  }

  /// Listens at the first resolved address that can be bound; the last refusal is the error.
  task<tcp_acceptor> listen(const address& at) {
    auto endpoints = co_await resolve(at, time_point::max(), std::stop_token());
    if (!endpoints) co_return failure(endpoints.error());
    std::error_code last = make_error_code(errc::host_not_found);
    for (const auto& endpoint : *endpoints) {
      auto opened = tcp_acceptor::open(get_executor(), endpoint);
      if (opened) co_return std::move(*opened);
      last = opened.error();
    }
    co_return failure(last);
  }

 private:
  using endpoints_type = std::vector<asio::ip::tcp::endpoint>;

  task<endpoints_type> resolve(const address& name, time_point deadline, std::stop_token stop) {
    endpoints_type endpoints;
    std::error_code not_literal;
    const auto literal = asio::ip::make_address(name.host, not_literal);
    if (!not_literal) {
      endpoints.emplace_back(literal, name.port);
      co_return endpoints;
    }
    asio::ip::basic_resolver<asio::ip::tcp, executor> resolver(get_executor());
    const auto give_up = [&resolver] { resolver.cancel(); };
    const alarm<asio_runtime> ring(*this, deadline, give_up);
    const std::stop_callback on_stop(stop, give_up);
    const auto service = std::to_string(name.port);
    auto [ec, found] = co_await resolver.async_resolve(name.host, service, use_tuple);
    if (ec == asio::error::host_not_found || ec == asio::error::no_data) {
      co_return failure(errc::host_not_found);
    }
    if (ec) co_return failure(ring.explain(translate(ec)));
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    co_return endpoints;
  }

  asio::io_context* context_;
};

}  // namespace rathole::io
