#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/mux/stream.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/stream/either_stream.hpp>
#include <rathole/mux/settings.hpp>
#include <rathole/transport/concepts.hpp>
#include <rathole/transport/multiplexed_pool.hpp>
#include <rathole/transport/multiplexing_handshake.hpp>
#include <rathole/transport/towards.hpp>

#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>
#include <variant>

namespace rathole::transport {

/// Carries the connections of a client as streams on few connections of the transport `Next`. Models
/// `Transport` and `Multiplexing`.
///
/// `connect` opens a stream on a connection to that server. It dials one first if there is none, or
/// if there are fewer than `connections` and all of them have streams. If the server ends the
/// connection at the Hello of multiplexing, `connect` returns a connection of `Next`; if it does not
/// answer in time, the next call does. Once the server has authenticated one of these it counts as one
/// that does not multiplex, and is asked again later, see `multiplexing_refusals`. If other
/// connections to it multiplex, only the dial has failed.
///
/// All streams live on the executor of the transport. A handshake that takes much computing is done
/// by a worker thread.
template <Transport Next>
class multiplexed {
 public:
  /// The type of the runtime of the transport below.
  using runtime_type = typename Next::runtime_type;
  /// The type of the connections of the transport below.
  using connection_stream = typename Next::stream;
  /// The type of the streams that carry the protocol: a connection of the transport below, or a
  /// multiplexed stream.
  using stream = io::either_stream<connection_stream, io::mux_stream>;
  /// Whether the caller must choose a worker thread for the handshake: `connect` does.
  static constexpr bool handshake_is_expensive = false;
  /// Whether the streams are multiplexed; see `Multiplexing`.
  static constexpr bool multiplexes = true;

  /// Makes a transport that spreads streams over `connections` connections of `next` to each server.
  multiplexed(Next next, std::size_t connections)
      : next_(std::move(next)), pool_(std::make_shared<pool_type>(next_.runtime(), connections)) {}

  /// Returns whether this is the transport that a configuration asks for; see `Transport`.
  [[nodiscard]] bool serves(config::transport_kind kind, const config::tcp_options& sockets,
                            config::side where) const {
    return next_.serves(kind, sockets, where);
  }

  /// Returns the runtime of the transport.
  runtime_type& runtime() { return next_.runtime(); }
  /// Returns the same transport in another runtime; see `Transport`. It shares the connections only
  /// if the runtime has the same executor.
  multiplexed at(runtime_type runtime) {
    const bool is_here = runtime.get_executor() == pool_->runtime().get_executor();
    if (!is_here) return multiplexed(next_.at(std::move(runtime)), pool_->wanted());
    multiplexed same = *this;
    same.next_ = next_.at(std::move(runtime));
    return same;
  }
  /// Returns the same transport for connections to `server`; see `transport::towards`.
  [[nodiscard]] multiplexed towards(const address& server) const {
    multiplexed same = *this;
    same.next_ = transport::towards(next_, server);
    return same;
  }
  /// Sets the socket options of later connections; see `Transport`.
  void set_options(const io::socket_options& options) { next_.set_options(options); }

  /// Returns a stream to the server at `to`; see `Transport`. If all connections are full and no other
  /// one can be dialled, waits until one has room; at the deadline fails with the error of the dial.
  /// Fails with the errors of `Next`, and with those of `io::mux_connection::open`.
  io::task<stream> connect(const address& to, step_deadline deadline, std::stop_token stop) {
    return obtain(pool_, next_, to, std::move(deadline), std::move(stop));
  }

  /// Returns an acceptor of bare connections; see `Transport`.
  io::task<typename runtime_type::acceptor> listen(const address& at, std::stop_token stop) {
    return next_.listen(at, std::move(stop));
  }

  /// Performs the handshake of `Next` on an accepted connection; see `Transport`. The streams of a
  /// multiplexed one are served by `server_side::basic_server`, whatever its transport.
  io::task<stream> handshake(typename runtime_type::stream accepted, step_deadline deadline,
                             std::stop_token stop) {
    auto made = co_await next_.handshake(std::move(accepted), deadline, std::move(stop));
    if (!made) co_return failure(made.error());
    co_return stream(std::move(*made));
  }

  /// Returns the number of connections that carry streams.
  [[nodiscard]] std::size_t connections() const { return pool_->size(); }
  /// Lets `handler` receive the refusals; see `Multiplexing`.
  void on_refused(
      typename multiplexed_pool<runtime_type, connection_stream>::refusal_handler handler) {
    pool_->on_refused(std::move(handler));
  }
  /// Records that the server has authenticated a stream; see `Multiplexing`.
  void authenticated(stream& which) {
    if (const auto* found = std::get_if<io::mux_stream>(&which.value())) {
      pool_->authenticated(found->flows());
    } else {
      pool_->answered_plain(which.peer());
    }
  }
  /// Lets all servers be asked for multiplexing again; see `Multiplexing`.
  void forget_refusals() { pool_->forget_refusals(); }
  /// Opens no more streams on the connections to `server`; see `Multiplexing`.
  void leave(const address& server) { pool_->leave(server); }
  /// Closes all connections, and returns once they have ended; see `Multiplexing`.
  io::awaitable<void> close() { return pool_type::close(pool_); }

 private:
  using pool_type = multiplexed_pool<runtime_type, connection_stream>;
  using pool_pointer = std::shared_ptr<pool_type>;

  static io::task<stream> obtain(pool_pointer pool, Next next, address to, step_deadline deadline,
                                 std::stop_token stop) {
    for (;;) {
      if (stop.stop_requested()) co_return failure(errc::stopped);
      if (!pool->may_ask(to)) co_return co_await dial_plain(pool, next, to, deadline, stop);
      auto what = pool->next_step(to);
      if (what == pool_type::step::open) {
        auto opened = pool->open(to);
        if (opened) co_return stream(std::move(*opened));
        // No connection takes another stream after all, such as after its last id.
        what = pool->step_without_room(to);
      }
      if (what == pool_type::step::dial) {
        const typename pool_type::dial dialling(pool, to);
        auto made = co_await extend(pool, next, to, deadline, stop);
        if (made || stop.stop_requested()) co_return made;
        pool->dial_failed(to, made.error());
        auto opened = pool->open(to);
        if (opened) co_return stream(std::move(*opened));
        if (!pool->multiplexes(to)) co_return failure(made.error());
        continue;
      }
      const auto waited = co_await pool_type::wait(pool, deadline, stop);
      if (waited) continue;
      co_return failure(waited.error() == errc::timed_out ? pool->why_no_room(to) : waited.error());
    }
  }

  /// Dials another connection and opens a stream on it. If the server does not multiplex, returns a
  /// connection of `Next`. A server to which other connections multiplex does, so that this fails.
  static io::task<stream> extend(pool_pointer pool, Next next, address to, step_deadline deadline,
                                 std::stop_token stop) {
    auto& runtime = pool->runtime();
    auto dialled = co_await dial(next, runtime, to, deadline, stop);
    if (!dialled) co_return failure(dialled.error());
    deadline.step_done(runtime.now());
    const address peer = dialled->peer();
    const mux::settings own;
    const mux::parameters allowed = own.allowed();
    const auto agreed = co_await multiplexing_handshake(runtime, *dialled, allowed, deadline, stop);
    if (stop.stop_requested()) co_return failure(errc::stopped);
    if (agreed) {
      auto opened = pool->add(to, std::move(*dialled), own, *agreed);
      if (!opened) co_return failure(opened.error());
      co_return stream(std::move(*opened));
    }
    dialled->close();
    if (pool->multiplexes(to)) co_return failure(agreed.error());
    if (agreed.error() == errc::timed_out) {
      pool->refused(to, peer, agreed.error());
      co_return failure(agreed.error());
    }
    // A server that is ending closes connections, too, and then does not accept another one.
    auto plain = co_await dial_plain(pool, next, to, deadline, stop);
    if (plain) pool->refused(to, plain->peer(), agreed.error());
    co_return plain;
  }

  /// Dials a connection of `Next` to a server that perhaps does not multiplex.
  static io::task<stream> dial_plain(pool_pointer pool, Next next, address to,
                                     step_deadline deadline, std::stop_token stop) {
    pool->plain_begun(to);
    auto plain = co_await dial(std::move(next), pool->runtime(), to, std::move(deadline), stop);
    if (!plain) {
      if (!stop.stop_requested()) pool->plain_failed(to);
      co_return failure(plain.error());
    }
    pool->plain_dialled(to, plain->peer());
    co_return stream(std::move(*plain));
  }

  /// Dials a connection of `next` that lives in the runtime `home`.
  static io::task<connection_stream> dial(Next next, runtime_type home, address to,
                                          step_deadline deadline, std::stop_token stop) {
    runtime_type there = home;
    if constexpr (Next::handshake_is_expensive) there = home.worker();
    auto work = dial_there(next.at(there), home, std::move(to), deadline, std::move(stop));
    co_return co_await io::run_on(there.get_executor(), std::move(work));
  }

  static io::task<connection_stream> dial_there(Next next, runtime_type home, address to,
                                                step_deadline deadline, std::stop_token stop) {
    auto runtime = next.runtime();
    auto dialled = co_await next.connect(to, deadline, std::move(stop));
    if (!dialled || runtime.get_executor() == home.get_executor()) co_return dialled;
    co_return dialled->move_to(home);
  }

  Next next_;
  pool_pointer pool_;
};

}  // namespace rathole::transport
