#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/unix/socket_name.hpp>

#include <sys/socket.h>

#include <cerrno>

namespace rathole::io {

/// Connects to the Unix-domain socket at `to`. Returns the connection, in non-blocking mode; none if the queue of
/// the listener is full, which nothing reports the end of, so that the caller must try again. Fails with
/// the system's error.
inline result<descriptor> connect_unix(const address& to) {
  descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return failure(last_error());
  const unix_socket_name name(to);
  for (;;) {
    if (::connect(socket.get(), name.data(), name.size()) == 0) return socket;
    if (errno == EAGAIN) return descriptor();
    if (errno != EINTR) return failure(last_error());
  }
}

}  // namespace rathole::io
