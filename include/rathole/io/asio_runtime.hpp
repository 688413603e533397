#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/crypto/system_rng.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/asio_timer.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/resolve.hpp>
#include <rathole/io/stop_action.hpp>
#include <rathole/io/tcp_acceptor.hpp>
#include <rathole/io/tcp_stream.hpp>
#include <rathole/io/udp_socket.hpp>
#include <rathole/io/workers.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::io {

/// The real world: sockets, the steady clock and the system's random source, on one
/// `asio::io_context` that the caller owns and runs on one thread, with other threads beside it
/// where the caller gave it workers. Models `Runtime`.
class asio_runtime {
 public:
  using stream = tcp_stream;
  using acceptor = tcp_acceptor;
  using datagram_socket = udp_socket;

  class timer : public asio_timer {
   public:
    explicit timer(asio_runtime& runtime) : asio_timer(runtime.get_executor()) {}
  };

  /// `context` and `threads`, which are its workers, outlive the runtime and its copies.
  explicit asio_runtime(asio::io_context& context) : context_(&context) {}
  asio_runtime(asio::io_context& context, workers& threads)
      : context_(&context), workers_(&threads) {}

  executor get_executor() { return context_->get_executor(); }
  time_point now() const { return clock::now(); }
  crypto::system_rng rng() const { return {}; }

  /// Called on the thread of the runtime that was given the workers.
  asio_runtime worker() const { return workers_ ? asio_runtime(workers_->next()) : *this; }

  /// Dials the resolved addresses in order; the last refusal is the error.
  task<tcp_stream> connect(const address& to, const socket_options& options, time_point deadline,
                           std::stop_token stop) {
    auto found = co_await resolve(to, deadline, stop);
    if (!found) co_return failure(found.error());
    std::error_code last = make_error_code(errc::host_not_found);
    auto left = static_cast<int>(found->size());
    for (const auto& endpoint : *found) {
      if (stop.stop_requested()) co_return failure(errc::stopped);
      // An address that does not answer leaves the others their share of the time.
      const auto until = now() + (deadline - now()) / left--;
      auto dialled = co_await dial(endpoint, until, stop);
      if (dialled) {
        dialled->apply(options);
        co_return std::move(*dialled);
      }
      last = dialled.error();
    }
    co_return failure(last);
  }

  /// Listens at the first resolved address that can be bound; the last refusal is the error. What
  /// is accepted has `options`.
  task<tcp_acceptor> listen(const address& at, const socket_options& options = {},
                            std::stop_token stop = {}) {
    auto found = co_await resolve(at, time_point::max(), stop);
    if (!found) co_return failure(found.error());
    std::error_code last = make_error_code(errc::host_not_found);
    for (const auto& endpoint : *found) {
      auto opened = tcp_acceptor::open(get_executor(), endpoint, options);
      if (opened) co_return std::move(*opened);
      last = opened.error();
    }
    co_return failure(last);
  }

  /// Binds the first resolved address that can be bound; the last refusal is the error.
  task<udp_socket> bind_udp(const address& at, std::stop_token stop) {
    auto found = co_await resolve(at, time_point::max(), stop);
    if (!found) co_return failure(found.error());
    std::error_code last = make_error_code(errc::host_not_found);
    for (const auto& endpoint : *found) {
      auto opened = udp_socket::bind(get_executor(), {endpoint.address(), endpoint.port()});
      if (opened) co_return std::move(*opened);
      last = opened.error();
    }
    co_return failure(last);
  }

  /// Connects with the first resolved address that there is a route to; the last refusal is the
  /// error.
  task<udp_socket> connect_udp(const address& to, bool prefer_ipv6, time_point deadline,
                               std::stop_token stop) {
    auto found = co_await resolve(to, deadline, stop);
    if (!found) co_return failure(found.error());
    if (prefer_ipv6) {
      std::ranges::stable_partition(
          *found, [](const auto& endpoint) { return endpoint.address().is_v6(); });
    }
    std::error_code last = make_error_code(errc::host_not_found);
    for (const auto& endpoint : *found) {
      auto opened = udp_socket::connect(get_executor(), {endpoint.address(), endpoint.port()});
      if (opened) co_return std::move(*opened);
      last = opened.error();
    }
    co_return failure(last);
  }

 private:
  task<tcp_stream> dial(const asio::ip::tcp::endpoint& to, time_point deadline,
                        const std::stop_token& stop) {
    descriptor socket(
        ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!socket.is_open()) co_return failure(std::error_code(errno, std::system_category()));
    applied_options none;
    if (to.address().is_loopback()) none.peer_is_local();
    tcp_stream opened(get_executor(), std::move(socket), to_address(to), none);
    auto connected = opened.connect(to);
    // On one machine a connection stands when the call returns that began it.
    if (connected && !*connected) connected = opened.connect(to);
    if (connected && !*connected) connected = co_await await_connection(opened, to, deadline, stop);
    if (!connected) co_return failure(connected.error());
    // A dial to a local port that nobody listens at may be given that very port, and meet itself.
    if (opened.meets_itself(to)) {
      co_return failure(std::make_error_code(std::errc::connection_refused));
    }
    co_return std::move(opened);
  }

  task<bool> await_connection(tcp_stream& opened, const asio::ip::tcp::endpoint& to,
                              time_point deadline, const std::stop_token& stop) {
    const auto give_up = [&opened] { opened.close(); };
    const alarm<asio_runtime> ring(*this, deadline, give_up);
    const stop_action on_stop(stop, get_executor(), give_up);
    for (;;) {
      const auto ready = co_await opened.wait_writable();
      if (!ready) co_return failure(ring.explain(ready.error()));
      const auto connected = opened.connect(to);
      if (!connected || *connected) co_return connected;
    }
  }

  task<endpoints> resolve(const address& name, time_point deadline, std::stop_token stop) {
    if (stop.stop_requested()) co_return failure(errc::stopped);
    if (const auto literal = literal_endpoint(name)) co_return endpoints(1, *literal);
    lookup names(get_executor());
    const auto give_up = [&names] { names.give_up(); };
    const alarm<asio_runtime> ring(*this, deadline, give_up);
    const stop_action on_stop(stop, get_executor(), give_up);
    auto found = co_await names.run(name);
    if (!found) co_return failure(ring.explain(found.error()));
    co_return std::move(*found);
  }

  asio::io_context* context_;
  workers* workers_ = nullptr;
};

}  // namespace rathole::io
