#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/chunked_buffer.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rathole::io {

/// The most pieces of memory that one call of `send_some` gathers.
inline constexpr std::size_t max_gathered_pieces = 16;

namespace detail {

/// Sends the pieces to a non-blocking socket; see `send_some`.
inline result<std::size_t> send_pieces(int socket, std::span<iovec> pieces, int flags) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  for (;;) {
    const auto sent = ::sendmsg(socket, &message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN) return std::size_t{0};
    if (errno != EINTR) return failure(last_error());
  }
}

/// Returns `in` as sendmsg(2) wants it.
inline iovec to_piece(byte_view in) { return {const_cast<std::uint8_t*>(in.data()), in.size()}; }

}  // namespace detail

/// Sends bytes from the front of `in` to a socket without waiting; returns how many. `flags` are
/// those of send(2). Fails with the system's error.
inline result<std::size_t> send_some(int socket, byte_view in, int flags = 0) {
  if (in.empty()) return std::size_t{0};
  std::array<iovec, 1> piece{detail::to_piece(in)};
  return detail::send_pieces(socket, piece, flags);
}

/// Sends bytes from the front of `from`, which is not empty, to a socket without waiting; returns
/// how many. The caller consumes them. Fails with the system's error.
inline result<std::size_t> send_some(int socket, const chunked_buffer& from) {
  std::array<byte_view, max_gathered_pieces> views;
  const std::size_t count = from.gather(views);
  std::array<iovec, max_gathered_pieces> pieces;
  for (std::size_t i = 0; i < count; ++i) pieces[i] = detail::to_piece(views[i]);
  return detail::send_pieces(socket, std::span(pieces).first(count), 0);
}

}  // namespace rathole::io
