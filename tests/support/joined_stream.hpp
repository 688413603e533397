#pragma once

#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/tcp/stream.hpp>

#include <asio/io_context.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace rathole::test {

/// Returns a stream of `context` and the socket at its other end, which does not block. Each of the two
/// holds about `send_buffer` bytes that the other has not read.
inline std::pair<io::tcp_stream, io::descriptor> joined_stream(asio::io_context& context,
                                                               int send_buffer = 16 * 1024) {
  int both[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  for (const int each : both) {
    ::setsockopt(each, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  }
  return {io::tcp_stream(context.get_executor(), io::descriptor(both[0]), {}),
          io::descriptor(both[1])};
}

}  // namespace rathole::test
