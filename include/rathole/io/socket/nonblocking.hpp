#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Returns whether `errno` says that the last system call of this thread moved no bytes and can be
/// repeated once the socket is ready.
inline bool would_block() { return errno == EAGAIN || errno == EINTR; }

/// Reads up to `limit` bytes from a socket to the back of `out` without waiting. Returns how many,
/// 0 at the end of the peer's direction, and nothing if no bytes have arrived. Fails with the
/// system's error.
inline result<std::optional<std::size_t>> receive_nonblocking(int socket, byte_buffer& out,
                                                              std::size_t limit) {
  const byte_span room = out.prepare(limit);
  const auto taken = ::recv(socket, room.data(), room.size(), MSG_DONTWAIT);
  if (taken < 0) {
    if (would_block()) return std::nullopt;
    return failure(last_error());
  }
  out.commit(static_cast<std::size_t>(taken));
  return static_cast<std::size_t>(taken);
}

/// Sends bytes from the front of `from` without waiting, and removes those that the socket
/// accepted; `sent` is their number, also after an error. Returns the system's error.
inline std::error_code send_nonblocking(int socket, byte_buffer& from, std::size_t& sent) {
  sent = 0;
  while (!from.empty()) {
    const byte_view in = std::as_const(from).data();
    const auto taken = ::send(socket, in.data(), in.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken < 0) {
      if (would_block()) break;
      return last_error();
    }
    from.consume(static_cast<std::size_t>(taken));
    sent += static_cast<std::size_t>(taken);
  }
  return {};
}

}  // namespace rathole::io
