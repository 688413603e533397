#pragma once

#include <rathole/core/address.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/time/sleep.hpp>
#include <rathole/sim/acceptor.hpp>
#include <rathole/sim/datagram_socket.hpp>
#include <rathole/sim/network.hpp>
#include <rathole/sim/own_memory.hpp>
#include <rathole/sim/timer.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

namespace rathole::sim {

/// Provides one host of a simulated network to programs; models `io::Runtime`. It is made by
/// `world::make_runtime`; the world must outlive it and everything made from it.
class runtime {
 public:
  /// The type of connections.
  using stream = sim::stream;
  /// The type of listening sockets.
  using acceptor = sim::acceptor;
  /// The type of UDP sockets.
  using datagram_socket = sim::datagram_socket;

  /// The type of timers.
  class timer : public virtual_timer {
   public:
    /// Makes a timer that is not armed.
    explicit timer(runtime& of)
        : virtual_timer(*of.scheduler_, of.get_executor(), of.network_->in_use()) {}
  };

  /// Makes the runtime of the host `on`.
  runtime(scheduler& when, network& where, host& on)
      : scheduler_(&when), network_(&where), host_(&on) {}

  /// Returns the executor of the host.
  io::executor get_executor() { return host_->executor; }
  /// Returns the virtual time.
  [[nodiscard]] time_point now() const { return scheduler_->now(); }
  /// Returns this runtime: a simulation has one thread.
  [[nodiscard]] runtime worker() const { return *this; }
  /// Returns the descriptor limit of the host.
  [[nodiscard]] std::size_t descriptor_limit() const { return host_->descriptor_limit; }

  /// Draws from the host's own random sequence, which other hosts do not affect. Copies draw from
  /// the same sequence, as copies of the system's source do.
  class host_rng {
   public:
    /// Makes a source that draws from `of`, which must outlive it.
    explicit host_rng(seeded_rng& of) : source_(&of) {}
    /// Fills `out` with random bytes.
    void fill(byte_span out) { source_->fill(out); }

   private:
    seeded_rng* source_;
  };
  /// Returns the random source of the host.
  host_rng rng() { return host_rng(host_->rng); }

  /// Returns the address that `name` stands for, with its port. Fails with `errc::host_not_found`,
  /// with `errc::timed_out` at the deadline if the lookup remains without an answer (see
  /// `network::silence_name`), and with `errc::stopped`.
  io::task<std::vector<address>> resolve(const address& name, time_point deadline,
                                         std::stop_token stop) {
    return resolve(*this, name, deadline, std::move(stop));
  }

  /// Dials `to`; see `io::Runtime`. Fails with `errc::host_not_found`, `errc::timed_out`,
  /// `errc::stopped`, or an error of the connection.
  io::task<stream> connect(const address& to, const io::socket_options& options,
                           time_point deadline, std::stop_token stop) {
    return connect(*this, to, options, deadline, std::move(stop));
  }

  /// Listens on `at`; see `io::Runtime`. Fails with `errc::host_not_found`, with `errc::stopped`,
  /// or because the address is in use or belongs to another host.
  io::task<acceptor> listen(const address& at, const io::socket_options& options = {},
                            std::stop_token stop = {}) {
    return listen(*this, at, options, std::move(stop));
  }

  /// Binds a UDP socket; see `io::Runtime`. Fails as `listen` does.
  io::task<datagram_socket> bind_udp(const address& at, std::stop_token stop) {
    return bind_udp(*this, at, std::move(stop));
  }

  /// Connects a UDP socket; see `io::Runtime`. Fails with `errc::host_not_found`, with
  /// `errc::timed_out` at `deadline` if the lookup of the name remains without an answer (see
  /// `network::silence_name`), with `errc::stopped`, or because the operation was chosen to fail.
  io::task<datagram_socket> connect_udp(const address& to, const io::udp_connect_options& options,
                                        time_point deadline, std::stop_token stop) {
    return connect_udp(*this, to, options.any_peer_port, deadline, std::move(stop));
  }

 private:
  acceptor make_acceptor(std::shared_ptr<listener> at, const io::socket_options& options) {
    const own_memory here;
    return {std::move(at), *host_, options, network_->in_use()};
  }

  bool may_complete_at_once() { return host_->operations.may_complete_at_once(); }

  static io::task<datagram_socket> bind_udp(runtime self, address at, std::stop_token stop) {
    if (!self.may_complete_at_once()) co_await io::next_turn(self.get_executor());
    if (stop.stop_requested()) co_return failure(errc::stopped);
    auto box = self.network_->bind_udp(*self.host_, std::move(at));
    if (!box) co_return failure(box.error());
    co_return datagram_socket(*self.network_, std::move(*box), ip_endpoint(),
                              self.network_->in_use());
  }

  static io::task<datagram_socket> connect_udp(runtime self, address to, bool any_peer_port,
                                               time_point deadline, std::stop_token stop) {
    if (!self.may_complete_at_once()) co_await io::next_turn(self.get_executor());
    const time_point silent_until = self.network_->silent_until(to.host);
    if (silent_until > self.now()) {
      const time_point until = std::min(silent_until, deadline);
      co_await io::sleep_until(self, until, stop);
    }
    if (stop.stop_requested()) co_return failure(errc::stopped);
    if (silent_until > self.now()) co_return failure(errc::timed_out);
    const auto peer = self.network_->endpoint_of(*self.host_, to);
    if (!peer) co_return failure(peer.error());
    const address any{"0.0.0.0", 0};
    auto box = self.network_->bind_udp(*self.host_, any);
    if (!box) co_return failure(box.error());
    {
      const own_memory here;
      (*box)->local = to_address((*box)->endpoint);
    }
    co_return datagram_socket(*self.network_, std::move(*box), *peer, self.network_->in_use(),
                              any_peer_port);
  }

  static io::task<std::vector<address>> resolve(runtime self, address name, time_point deadline,
                                                std::stop_token stop) {
    const time_point silent_until = self.network_->silent_until(name.host);
    if (silent_until > self.now()) {
      const time_point until = std::min(silent_until, deadline);
      co_await io::sleep_until(self, until, stop);
    }
    if (stop.stop_requested()) co_return failure(errc::stopped);
    if (silent_until > self.now()) co_return failure(errc::timed_out);
    const auto found = self.network_->endpoint_of(*self.host_, name);
    if (!found) co_return failure(found.error());
    std::vector<address> out;
    out.push_back(to_address(*found));
    co_return std::move(out);
  }

  static io::task<stream> connect(runtime self, address to, io::socket_options options,
                                  time_point deadline, std::stop_token stop) {
    const bool at_once = self.may_complete_at_once();
    if (!at_once) co_await io::next_turn(self.get_executor());
    auto dialled = self.network_->dial(*self.host_, to, at_once);
    if (!dialled) co_return failure(dialled.error());
    stream opened(*dialled, side::dialling, self.network_->in_use());
    auto& end = (*dialled)->at(side::dialling);
    timer bound(self);
    bound.arm(deadline, [on = *dialled] { on->fail(side::dialling, errc::timed_out); });
    const auto give_up = [on = *dialled] { on->fail(side::dialling, errc::stopped); };
    const std::stop_callback on_stop(std::move(stop), give_up);
    for (;;) {
      if (end.established || end.error) break;
      co_await end.writable.wait();
    }
    if (!end.established) {
      opened.abort();
      co_return failure(end.error);
    }
    opened.apply(options);
    co_return opened;
  }

  static io::task<acceptor> listen(runtime self, address at, io::socket_options options,
                                   std::stop_token stop) {
    if (!self.may_complete_at_once()) co_await io::next_turn(self.get_executor());
    if (stop.stop_requested()) co_return failure(errc::stopped);
    auto opened = self.network_->listen(*self.host_, std::move(at));
    if (!opened) co_return failure(opened.error());
    co_return self.make_acceptor(std::move(*opened), options);
  }

  scheduler* scheduler_;
  network* network_;
  host* host_;
};

static_assert(io::Runtime<runtime>);

}  // namespace rathole::sim
