#pragma once

#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/socket/options.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>

namespace rathole::io {

/// Tracks the options that are set on a TCP socket, so that none is set twice. A new socket has
/// none; an accepted one has those of its listener, because Linux inherits them.
class applied_options {
 public:
  /// Disables keepalive and TCP_USER_TIMEOUT, because the peer is on this machine and cannot
  /// disappear without the system's knowledge.
  void peer_is_local() { peer_is_local_ = true; }

  /// Sets nothing from now on, because the socket is a Unix-domain socket, which has none of the options.
  void has_no_tcp() { has_no_tcp_ = true; }

  /// Sets the options in `wanted` that differ from those of `socket`.
  void apply(int socket, const socket_options& wanted) {
    if (has_no_tcp_) return;
    if (wanted.nodelay) set_nodelay(socket, *wanted.nodelay);
    if (wanted.reset_on_close) set_reset_on_close(socket, *wanted.reset_on_close);
    if (wanted.unsent_limit) {
      set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(*wanted.unsent_limit));
    }
    if (peer_is_local_) return;
    if (wanted.keepalive_idle.count() > 0) {
      if (keepalive_idle_.count() == 0) set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
      change(keepalive_idle_, wanted.keepalive_idle, socket, TCP_KEEPIDLE);
      if (wanted.keepalive_interval.count() > 0) {
        change(keepalive_interval_, wanted.keepalive_interval, socket, TCP_KEEPINTVL);
      }
    }
    if (wanted.user_timeout) change(user_timeout_, *wanted.user_timeout, socket, TCP_USER_TIMEOUT);
  }

  /// Sets TCP_NODELAY, unless it has that value already.
  void set_nodelay(int socket, bool on) {
    if (on == nodelay_ || has_no_tcp_) return;
    nodelay_ = on;
    set(socket, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
  }

 private:
  void set_reset_on_close(int socket, bool on) {
    if (on == reset_on_close_) return;
    reset_on_close_ = on;
    io::reset_on_close(socket, on);
  }

  template <class Duration>
  static void change(Duration& has, Duration wanted, int socket, int name) {
    if (has == wanted) return;
    has = wanted;
    set(socket, IPPROTO_TCP, name, static_cast<int>(wanted.count()));
  }

  static void set(int socket, int level, int name, int value) {
    ::setsockopt(socket, level, name, &value, sizeof value);
  }

  bool nodelay_ = false;
  bool reset_on_close_ = false;
  bool peer_is_local_ = false;
  bool has_no_tcp_ = false;
  std::chrono::seconds keepalive_idle_{0};
  std::chrono::seconds keepalive_interval_{0};
  std::chrono::milliseconds user_timeout_{0};
};

}  // namespace rathole::io
