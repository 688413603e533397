#pragma once

#include <rathole/io/descriptor.hpp>
#include <rathole/io/poller.hpp>
#include <rathole/io/task.hpp>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <cstdint>
#include <utility>

namespace rathole::io {

/// One of the two sockets of a relay, watched; what it is ready for is the owner's, by
/// `ready(side, events)`. The connection is reset unless it ends by `finish`.
template <class Owner>
struct relay_side final : poll_watch {
  relay_side(Owner& relay, const executor& ex, bool held, descriptor from)
      : poll_watch(poller::of(ex)), socket(std::move(from)), owner(relay), holds_back(held) {}
  ~relay_side() { abort(); }

  /// Ends the connection in order.
  void finish() {
    stop();
    if (!socket.is_open()) return;
    reset_on_close(socket.get(), false);
    socket.close();
  }

  /// Breaks the connection, so that the peer sees a reset.
  void abort() {
    stop();
    socket.abort();
  }

  void ready(std::uint32_t events) override { owner.ready(*this, events); }

  /// Octets that were given to the socket and that the peer has not acknowledged.
  [[nodiscard]] std::uint64_t unacknowledged() const {
    int count = 0;
    if (::ioctl(socket.get(), SIOCOUTQ, &count) != 0) return 0;
    return static_cast<std::uint64_t>(count);
  }

  descriptor socket;
  Owner& owner;
  /// Whether octets may be held back in it.
  const bool holds_back;
};

}  // namespace rathole::io
