#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/crypto/system_rng.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/resolve/lookup.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/run/turn_budget.hpp>
#include <rathole/io/socket/bind.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/io/tcp/acceptor.hpp>
#include <rathole/io/tcp/dialler.hpp>
#include <rathole/io/tcp/stream.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/io/time/asio_timer.hpp>
#include <rathole/io/udp/socket.hpp>
#include <rathole/io/unix/connect.hpp>
#include <rathole/io/workers.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <new>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::io {

/// Provides real sockets, the steady clock and the system's random source on one
/// `asio::io_context`, which the caller owns and runs on one thread. With `workers` it also
/// distributes work over their threads. Models `Runtime`.
class asio_runtime {
 public:
  /// The type of connections.
  using stream = tcp_stream;
  /// The type of listening sockets.
  using acceptor = tcp_acceptor;
  /// The type of UDP sockets.
  using datagram_socket = udp_socket;

  /// The type of timers.
  class timer : public asio_timer {
   public:
    /// Makes a timer that is not armed.
    explicit timer(asio_runtime& runtime) : asio_timer(runtime.get_executor()) {}
  };

  /// Makes a runtime without worker threads. `context` must outlive the runtime and its copies.
  explicit asio_runtime(asio::io_context& context) : context_(&context) {}
  /// Makes a runtime with worker threads. `context` and `threads` must outlive the runtime and its
  /// copies.
  asio_runtime(asio::io_context& context, workers& threads)
      : context_(&context), workers_(&threads) {}

  /// Returns the executor of the context.
  executor get_executor() { return context_->get_executor(); }
  /// Returns the current time of the steady clock.
  time_point now() const { return clock::now(); }
  /// Returns the system's random source.
  crypto::system_rng rng() const { return {}; }
  /// Returns how many descriptors the process may have open now beside those of the workers; see
  /// `protocol::limit_beside_threads`. Must be called on the thread of the runtime that was given them.
  std::size_t descriptor_limit() const {
    const std::size_t threads = workers_ ? workers_->descriptors() : 0;
    return protocol::limit_beside_threads(io::descriptor_limit(), threads);
  }

  /// Returns the runtime of the worker whose turn it is, or this one if there are no workers. Must
  /// be called on the thread of the runtime that was given the workers.
  asio_runtime worker() const { return workers_ ? asio_runtime(workers_->next()) : *this; }

  /// Returns the addresses that `name` stands for, with its port, in the order that the system
  /// prefers. Fails with `errc::host_not_found` or an error of `lookup_category`, with
  /// `errc::timed_out` at the deadline, and with `errc::stopped` as soon as `stop` is requested.
  task<std::vector<address>> resolve(const address& name, time_point deadline,
                                     std::stop_token stop) {
    const auto found = co_await find_endpoints(name, deadline, std::move(stop));
    if (!found) co_return failure(found.error());
    std::vector<address> out;
    for (const auto& each : *found) out.push_back(to_address(each));
    co_return std::move(out);
  }

  /// Resolves `to` and dials its addresses as `dial_plan` says; see `Runtime`. The first
  /// established connection is used. If all attempts fail, the error is that of the last one.
  task<tcp_stream> connect(const address& to, const socket_options& options, time_point deadline,
                           std::stop_token stop) {
    if (stop.stop_requested()) co_return failure(errc::stopped);
    if (to.is_unix()) co_return co_await connect_unix(to, deadline, std::move(stop));
    auto resolved = co_await find_endpoints(to, deadline, stop);
    if (!resolved) co_return failure(resolved.error());
    endpoints found = std::move(*resolved);
    dialler dial(get_executor(), in_dial_order(std::move(found), options.prefer_ipv6));
    if (!dial.start()) co_await finish(dial, deadline, stop);
    auto dialled = dial.take();
    if (!dialled) co_return failure(dialled.error());
    applied_options none;
    if (dialled->to().address().is_loopback()) none.peer_is_local();
    tcp_stream connected(get_executor(), dialled->release(), to_address(dialled->to()), none);
    connected.apply(options);
    co_return std::move(connected);
  }

  /// Resolves `at` and listens on the first address that can be bound, as `open_bound` says; see
  /// `Runtime`. If none can be bound, the error is that of the last one.
  task<tcp_acceptor> listen(const address& at, const socket_options& options = {},
                            std::stop_token stop = {}) {
    if (at.is_unix()) co_return tcp_acceptor::open_unix(get_executor(), at);
    auto found = co_await find_endpoints(at, time_point::max(), stop);
    if (!found) co_return failure(found.error());
    std::error_code last = make_error_code(errc::host_not_found);
    for (const auto& endpoint : *found) {
      const auto open = [&](const asio::ip::tcp::endpoint& one) {
        return tcp_acceptor::open(get_executor(), one, options);
      };
      auto opened = open_bound(endpoint, open);
      if (opened) co_return std::move(*opened);
      last = opened.error();
    }
    co_return failure(last);
  }

  /// Resolves `at` and binds the first address that can be bound, as `open_bound` says; see
  /// `Runtime`. If none can be bound, the error is that of the last one.
  task<udp_socket> bind_udp(const address& at, std::stop_token stop) {
    auto found = co_await find_endpoints(at, time_point::max(), stop);
    if (!found) co_return failure(found.error());
    std::error_code last = make_error_code(errc::host_not_found);
    for (const auto& endpoint : *found) {
      const asio::ip::udp::endpoint wanted(endpoint.address(), endpoint.port());
      const auto open = [&](const asio::ip::udp::endpoint& one) {
        return udp_socket::bind(get_executor(), one);
      };
      auto opened = open_bound(wanted, open);
      if (opened) co_return std::move(*opened);
      last = opened.error();
    }
    co_return failure(last);
  }

  /// Resolves `to` and connects to the first address that has a route; see `Runtime`. If none has
  /// one, the error is that of the last one.
  task<udp_socket> connect_udp(const address& to, udp_connect_options options, time_point deadline,
                               std::stop_token stop) {
    auto found = co_await find_endpoints(to, deadline, stop);
    if (!found) co_return failure(found.error());
    std::error_code last = make_error_code(errc::host_not_found);
    for (const auto& endpoint : in_dial_order(std::move(*found), options.prefer_ipv6)) {
      const asio::ip::udp::endpoint peer(endpoint.address(), endpoint.port());
      auto opened = options.any_peer_port ? udp_socket::connect_any_port(get_executor(), peer)
                                          : udp_socket::connect(get_executor(), peer);
      if (opened) co_return std::move(*opened);
      last = opened.error();
    }
    co_return failure(last);
  }

 private:
  /// The pause before another attempt to connect to a Unix-domain socket whose queue is full.
  static constexpr duration full_queue_pause = std::chrono::milliseconds(10);

  task<tcp_stream> connect_unix(address to, time_point deadline, std::stop_token stop) {
    for (;;) {
      auto connected = io::connect_unix(to);
      if (!connected) co_return failure(connected.error());
      if (connected->is_open()) {
        applied_options none;
        none.has_no_tcp();
        co_return tcp_stream(get_executor(), std::move(*connected), to, none);
      }
      if (now() >= deadline) co_return failure(errc::timed_out);
      co_await pause(*this, std::min<duration>(full_queue_pause, deadline - now()), stop);
      if (stop.stop_requested()) co_return failure(errc::stopped);
    }
  }

  awaitable<void> finish(dialler& dial, time_point deadline, const std::stop_token& stop) {
    const auto too_late = [&dial] { dial.give_up(errc::timed_out); };
    const auto stopped = [&dial] { dial.give_up(errc::stopped); };
    const alarm<asio_runtime> on_timeout(*this, deadline, too_late);
    const stop_action on_stop(stop, get_executor(), stopped);
    co_await dial.wait();
  }

  task<endpoints> find_endpoints(const address& name, time_point deadline, std::stop_token stop) {
    // The rest may succeed or fail without waiting, so the fair turn is taken here.
    if (turn_budget::of(get_executor()).is_spent()) co_await next_turn(get_executor());
    if (stop.stop_requested()) co_return failure(errc::stopped);
    auto found = known_endpoints(name);
    if (!found.empty()) co_return std::move(found);
    co_return co_await look_up(name, deadline, stop);
  }

  task<endpoints> look_up(const address& name, time_point deadline, const std::stop_token& stop) {
    const time_point limit = now() + lookup::limit;
    const std::error_code silent(EAI_AGAIN, lookup_category());
    try {
      lookup names(get_executor(), name);
      const time_point old_serves = names.ask();
      const auto too_late = [&names, silent, in_time = limit < deadline] {
        names.give_up(in_time ? silent : make_error_code(errc::timed_out));
      };
      const auto stopped = [&names] { names.give_up(errc::stopped); };
      const auto use_last = [&names] { names.use_last_answer(); };
      const alarm<asio_runtime> on_timeout(*this, std::min(deadline, limit), too_late);
      const alarm<asio_runtime> on_old_serves(*this, old_serves, use_last);
      const stop_action on_stop(stop, get_executor(), stopped);
      co_return co_await names.wait();
    } catch (const std::bad_alloc&) {
      co_return failure(std::make_error_code(std::errc::not_enough_memory));
    }
  }

  asio::io_context* context_;
  workers* workers_ = nullptr;
};

}  // namespace rathole::io
