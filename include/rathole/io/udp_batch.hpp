#pragma once

#include <rathole/core/udp_endpoint.hpp>
#include <rathole/io/datagram.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace rathole::io {

namespace detail {

/// An IPv4 or IPv6 address of the system's.
union socket_address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

inline socklen_t to_socket_address(const datagram& from, socket_address& out) {
  if (from.peer.is_v6) {
    out.v6 = {};
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(from.peer.port);
    out.v6.sin6_scope_id = from.scope;
    std::memcpy(&out.v6.sin6_addr, from.peer.ip.data(), 16);
    return sizeof out.v6;
  }
  out.v4 = {};
  out.v4.sin_family = AF_INET;
  out.v4.sin_port = htons(from.peer.port);
  std::memcpy(&out.v4.sin_addr, from.peer.ip.data(), 4);
  return sizeof out.v4;
}

inline datagram from_socket_address(const socket_address& from, byte_view payload) {
  datagram out;
  out.payload = payload;
  if (from.any.sa_family == AF_INET6) {
    out.peer.is_v6 = true;
    out.peer.port = ntohs(from.v6.sin6_port);
    out.scope = from.v6.sin6_scope_id;
    std::memcpy(out.peer.ip.data(), &from.v6.sin6_addr, 16);
  } else {
    out.peer.port = ntohs(from.v4.sin_port);
    std::memcpy(out.peer.ip.data(), &from.v4.sin_addr, 4);
  }
  return out;
}

}  // namespace detail

/// Datagrams that pass between a socket and the system in one call (recvmmsg(2), sendmmsg(2)). Each
/// thread has one, whose memory all its sockets share.
class udp_batch {
 public:
  /// Datagrams in one call.
  static constexpr std::size_t capacity = 64;

  static udp_batch& of_thread() {
    thread_local udp_batch shared;
    return shared;
  }

  /// Receives what is there. Valid until the next call.
  std::span<const datagram> receive(int socket) {
    if (!buffers_) allocate();
    for (std::size_t i = 0; i < capacity; ++i) {
      messages_[i].msg_hdr = {};
      messages_[i].msg_hdr.msg_name = &addresses_[i];
      messages_[i].msg_hdr.msg_namelen = sizeof addresses_[i];
      vectors_[i] = {buffers_.get() + i * stride, buffer_size};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
    int count = 0;
    // An error here is that of a datagram sent before; it must not hide what has arrived.
    for (unsigned attempt = 0; attempt < most_errors; ++attempt) {
      count = ::recvmmsg(socket, messages_.data(), capacity, MSG_DONTWAIT, nullptr);
      if (count >= 0 || errno == EAGAIN) break;
    }
    std::size_t taken = 0;
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      received_[taken++] = detail::from_socket_address(
          addresses_[at], {buffers_.get() + at * stride, messages_[at].msg_len});
    }
    return std::span(received_).first(taken);
  }

  /// Sends to each datagram's peer, or to the one that the socket is connected with. Returns how many
  /// the system took; one that it refuses does not keep the others back.
  std::size_t send(int socket, std::span<const datagram> batch, bool is_connected) {
    std::size_t taken = 0;
    while (!batch.empty()) {
      const auto part = batch.first(std::min(batch.size(), capacity));
      batch = batch.subspan(part.size());
      for (std::size_t i = 0; i < part.size(); ++i) {
        messages_[i].msg_hdr = {};
        if (!is_connected) {
          messages_[i].msg_hdr.msg_namelen = detail::to_socket_address(part[i], addresses_[i]);
          messages_[i].msg_hdr.msg_name = &addresses_[i];
        }
        vectors_[i] = {const_cast<std::uint8_t*>(part[i].payload.data()), part[i].payload.size()};
        messages_[i].msg_hdr.msg_iov = &vectors_[i];
        messages_[i].msg_hdr.msg_iovlen = 1;
      }
      taken += push(socket, static_cast<unsigned>(part.size()));
    }
    return taken;
  }

 private:
  /// The longest payload there is.
  static constexpr std::size_t buffer_size = 65'535;
  /// The distance of two buffers: not a power of two, so that their first octets do not compete for
  /// the same lines of the processor's caches.
  static constexpr std::size_t stride = 65'536 + 17 * 64;
  /// Errors of datagrams sent before that one call passes over.
  static constexpr unsigned most_errors = 16;

  udp_batch() = default;

  void allocate() { buffers_ = std::make_unique_for_overwrite<std::uint8_t[]>(capacity * stride); }

  std::size_t push(int socket, unsigned count) {
    std::size_t taken = 0;
    unsigned next = 0;
    unsigned errors = 0;
    while (next < count) {
      const int sent =
          ::sendmmsg(socket, messages_.data() + next, count - next, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        taken += static_cast<std::size_t>(sent);
        next += static_cast<unsigned>(sent);
        errors = 0;
        continue;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) break;
      // An error may be an ICMP message's about a datagram sent before; the second one in a row is
      // this datagram's own.
      if (++errors > 1) {
        ++next;
        errors = 0;
      }
    }
    return taken;
  }

  std::array<mmsghdr, capacity> messages_{};
  std::array<iovec, capacity> vectors_{};
  std::array<detail::socket_address, capacity> addresses_{};
  std::array<datagram, capacity> received_{};
  std::unique_ptr<std::uint8_t[]> buffers_;
};

}  // namespace rathole::io
