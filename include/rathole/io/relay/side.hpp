#pragma once

#include <rathole/io/poll/poller.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/task.hpp>

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <cstdint>
#include <utility>

namespace rathole::io {

/// One of the two sockets of a relay, with an epoll watch that calls `ready(side, events)` of
/// the owner. The connection is reset unless it is ended by `finish`.
template <class Owner>
struct relay_side final : poll_watch {
  /// Makes a side of `relay` with the socket of `from`, a `SocketStream`.
  template <class S>
  relay_side(Owner& relay, const executor& ex, S& from)
      : poll_watch(poller::of(ex)),
        socket(released(from)),
        owner(relay),
        is_corked(from.is_corked()) {}
  /// Makes a side of `relay` with the socket of the same side of a paused relay.
  relay_side(Owner& relay, const executor& ex, relay_side& from)
      : poll_watch(poller::of(ex)),
        socket(std::move(from.socket)),
        owner(relay),
        is_corked(false) {}
  /// Resets the connection if it has not ended.
  ~relay_side() { abort(); }

  /// Ends the connection in order.
  void finish() {
    stop();
    if (!socket.is_open()) return;
    reset_on_close(socket.get(), false);
    socket.close();
  }

  /// Resets the connection.
  void abort() {
    stop();
    socket.abort();
  }

  /// Passes readiness to the owner.
  void ready(std::uint32_t events) override { owner.ready(*this, events); }

  /// Returns whether the peer has reset the connection, whatever bytes are unread.
  [[nodiscard]] bool is_reset() const {
    pollfd look{socket.get(), 0, 0};
    return ::poll(&look, 1, 0) > 0 && (look.revents & POLLERR) != 0;
  }

  /// Returns how many bytes were given to the socket and are not acknowledged by the peer.
  [[nodiscard]] std::uint64_t unacknowledged() const {
    int count = 0;
    if (::ioctl(socket.get(), SIOCOUTQ, &count) != 0) return 0;
    return static_cast<std::uint64_t>(count);
  }

  /// The socket.
  descriptor socket;
  /// The relay.
  Owner& owner;
  /// Whether the socket may have corked bytes.
  const bool is_corked;

 private:
  template <class S>
  descriptor released(S& from) {
    if constexpr (requires { from.release_to(*this); }) {
      return from.release_to(*this);
    } else {
      return from.release();
    }
  }
};

}  // namespace rathole::io
