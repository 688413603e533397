#pragma once

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/udp/control_message.hpp>
#include <rathole/io/udp/datagram.hpp>

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
#include <system_error>
#include <vector>

namespace rathole::io {

namespace detail {

/// An IPv4 or IPv6 socket address of the system.
union socket_address {
  /// The address family.
  sockaddr any;
  /// The address, if the family is AF_INET.
  sockaddr_in v4;
  /// The address, if the family is AF_INET6.
  sockaddr_in6 v6;
};

/// Writes the address of the peer of `from` to `out`; returns its size in bytes.
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

/// Returns a datagram with the peer `from` and the given payload.
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

/// Passes many datagrams between a socket and the system in one call (recvmmsg(2), sendmmsg(2)). A
/// run of datagrams of equal size to one peer passes as one message, which the system or the
/// network card splits (UDP_SEGMENT), and the reverse (UDP_GRO); see `udp_control_message`. If a
/// route does not support runs, the datagrams are sent one by one, each still from its local
/// address. Each thread has one batch, whose memory all its sockets share.
class udp_batch {
 public:
  /// The largest number of messages in one call.
  static constexpr std::size_t capacity = 32;
  /// The largest number of datagrams in one message.
  static constexpr std::size_t max_segments = 64;

  /// Returns the batch of the calling thread.
  static udp_batch& of_thread() {
    thread_local udp_batch shared;
    return shared;
  }

  /// Receives the datagrams that have arrived, without waiting. The result is valid until the next
  /// call.
  std::span<const datagram> receive(int socket) {
    if (!buffers_) allocate();
    for (std::size_t i = 0; i < capacity; ++i) {
      vectors_[i] = {buffers_.get() + i * stride, buffer_size};
      msghdr& header = messages_[i].msg_hdr;
      prepare(header, &vectors_[i], 1);
      header.msg_name = &envelopes_[i].peer;
      header.msg_namelen = sizeof envelopes_[i].peer;
      envelopes_[i].control.offer(header);
    }
    int count = 0;
    peer_error_ = 0;
    // The error may belong to an earlier send; it must not hide datagrams that have arrived.
    for (unsigned attempt = 0; attempt < max_errors; ++attempt) {
      count = ::recvmmsg(socket, messages_.data(), capacity, MSG_DONTWAIT, nullptr);
      if (count >= 0 || errno == EAGAIN) break;
      note_error();
    }
    received_.clear();
    for (int i = 0; i < count; ++i) split(static_cast<std::size_t>(i));
    return received_;
  }

  /// Sends the datagrams to their peers, or to the peer of a connected socket. Returns how many the
  /// system accepted; a datagram that it refuses does not prevent the others.
  std::size_t send(int socket, std::span<const datagram> batch, bool is_connected) {
    std::size_t taken = 0;
    peer_error_ = 0;
    while (!batch.empty()) {
      std::size_t used = 0;
      std::size_t messages = 0;
      while (messages < capacity && used < vectors_.size() && used < batch.size()) {
        const std::size_t room = vectors_.size() - used;
        const std::size_t run = segment_count(batch.subspan(used), std::min(room, max_segments));
        runs_[messages] = batch.subspan(used, run);
        fill(messages_[messages].msg_hdr, envelopes_[messages], &vectors_[used], runs_[messages],
             is_connected);
        ++messages;
        used += run;
      }
      batch = batch.subspan(used);
      taken += push(socket, messages, is_connected);
    }
    return taken;
  }

  /// Returns the error by which the last call learned that a peer cannot be reached (udp(7)); no
  /// error if there was none.
  [[nodiscard]] std::error_code peer_error() const { return {peer_error_, std::system_category()}; }

 private:
  /// The size of the longest payload.
  static constexpr std::size_t buffer_size = 65'535;
  /// The distance between two buffers in bytes. It is not a power of two, so that their first bytes
  /// do not compete for the same cache lines.
  static constexpr std::size_t stride = 65'536 + 17 * 64;
  /// How many errors of earlier sends one call ignores.
  static constexpr unsigned max_errors = 16;
  /// The longest payload in a run. A longer one may be fragmented, which a run does not allow
  /// (1,500 minus the headers of IPv6 and UDP).
  static constexpr std::size_t max_segment_size = 1'452;

  /// The parts of a message besides its payload: the address of the peer and the control data.
  struct envelope {
    detail::socket_address peer;
    udp_control_message control;
  };

  udp_batch() = default;

  /// Remembers `errno` if it says that a peer cannot be reached.
  void note_error() {
    if (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH) peer_error_ = errno;
  }

  void allocate() { buffers_ = std::make_unique_for_overwrite<std::uint8_t[]>(capacity * stride); }

  static void prepare(msghdr& header, iovec* vectors, std::size_t count) {
    header = {};
    header.msg_iov = vectors;
    header.msg_iovlen = count;
  }

  /// Splits a received message into its datagrams.
  void split(std::size_t at) {
    byte_view rest(buffers_.get() + at * stride, messages_[at].msg_len);
    const udp_control_data control = udp_control_message::read(messages_[at].msg_hdr);
    const std::size_t size = control.segment_size > 0 ? control.segment_size : rest.size();
    do {
      const byte_view payload = rest.first(std::min(size, rest.size()));
      rest = rest.subspan(payload.size());
      received_.push_back(detail::from_socket_address(envelopes_[at].peer, payload));
      received_.back().local = control.local;
    } while (!rest.empty());
  }

  /// Returns how many datagrams at the front of `batch`, at most `limit`, can be sent as one
  /// message: they have the same addresses and the same size, except that the last may be shorter.
  static std::size_t segment_count(std::span<const datagram> batch, std::size_t limit) {
    const datagram& first = batch.front();
    const std::size_t size = first.payload.size();
    if (size == 0 || size > max_segment_size) return 1;
    limit = std::min({limit, batch.size(), buffer_size / max_segment_size});
    std::size_t count = 1;
    for (; count < limit; ++count) {
      const datagram& each = batch[count];
      const std::size_t own = each.payload.size();
      const bool same_way =
          each.peer == first.peer && each.scope == first.scope && each.local == first.local;
      if (own == 0 || own > size || !same_way) break;
      if (own < size) return count + 1;
    }
    return count;
  }

  /// Makes `header` the message that carries `run`; `vectors` has an element for each datagram.
  /// Every message is prepared here, so that none is sent without its local address.
  static void fill(msghdr& header, envelope& by, iovec* vectors, std::span<const datagram> run,
                   bool is_connected) {
    for (std::size_t i = 0; i < run.size(); ++i) {
      const byte_view payload = run[i].payload;
      vectors[i] = {const_cast<std::uint8_t*>(payload.data()), payload.size()};
    }
    prepare(header, vectors, run.size());
    udp_control_data control;
    if (!is_connected) {
      header.msg_namelen = detail::to_socket_address(run.front(), by.peer);
      header.msg_name = &by.peer;
      control.local = run.front().local;
    }
    if (run.size() > 1)
      control.segment_size = static_cast<std::uint16_t>(run.front().payload.size());
    by.control.write(header, control, run.front().peer.is_v6);
  }

  std::size_t push(int socket, std::size_t count, bool is_connected) {
    std::size_t taken = 0;
    std::size_t next = 0;
    unsigned errors = 0;
    while (next < count) {
      const int sent = ::sendmmsg(socket, messages_.data() + next,
                                  static_cast<unsigned>(count - next), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        for (int i = 0; i < sent; ++i) taken += runs_[next++].size();
        errors = 0;
        continue;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) break;
      note_error();
      // The first error may be an ICMP error of an earlier datagram; the second in a row belongs to
      // this message. The route may not support runs, or the local address may no longer exist.
      if (++errors > 1) {
        const bool has_control_data = messages_[next].msg_hdr.msg_controllen > 0;
        if (has_control_data) taken += send_singly(socket, runs_[next], is_connected);
        ++next;
        errors = 0;
      }
    }
    return taken;
  }

  static std::size_t send_singly(int socket, std::span<const datagram> run, bool is_connected) {
    std::size_t taken = 0;
    for (const datagram& each : run) {
      bool sent = send_single(socket, each, is_connected);
      // A visitor drops replies from another address, so the system chooses the local address only
      // if the original one no longer exists.
      if (!sent && may_be_gone(errno) && each.local != ipv6_bytes{}) {
        datagram from_anywhere = each;
        from_anywhere.local = {};
        sent = send_single(socket, from_anywhere, is_connected);
      }
      if (sent) ++taken;
    }
    return taken;
  }

  /// Returns whether the error may mean that the system no longer has the local address. Which
  /// error it is depends on the family and the kernel.
  static bool may_be_gone(int error) {
    return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH;
  }

  /// Sends a datagram as a message of its own; sets `errno` if the system refuses it.
  static bool send_single(int socket, const datagram& each, bool is_connected) {
    msghdr header;
    envelope by;
    iovec vector;
    fill(header, by, &vector, std::span(&each, 1), is_connected);
    return ::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  }

  std::array<mmsghdr, capacity> messages_{};
  std::array<envelope, capacity> envelopes_{};
  std::array<iovec, 8 * capacity> vectors_{};
  /// The datagrams that each message carries.
  std::array<std::span<const datagram>, capacity> runs_{};
  std::vector<datagram> received_;
  int peer_error_ = 0;
  std::unique_ptr<std::uint8_t[]> buffers_;
};

}  // namespace rathole::io
