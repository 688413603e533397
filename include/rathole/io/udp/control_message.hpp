#pragma once

#include <rathole/core/ip_literal.hpp>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rathole::io {

/// What the system says about a received message besides its payload, or is to know about a message
/// to send: its control data (cmsg(3)).
struct udp_control_data {
  /// The size of the datagrams in a run, of which the last may be shorter (udp(7), UDP_GRO and
  /// UDP_SEGMENT); 0 for a single datagram.
  std::uint16_t segment_size = 0;
  /// The address of this host that the message arrived at or is sent from (ip(7), IP_PKTINFO;
  /// ipv6(7), IPV6_PKTINFO). An IPv4 address uses the first four bytes. All zeros means
  /// unspecified.
  ipv6_bytes local{};
};

/// Provides space for the control data of one message, as cmsg(3) requires.
class udp_control_message {
 public:
  /// Enables UDP GRO on `socket`, if the system supports it: a message may then be a run of
  /// datagrams.
  static void enable_gro(int socket) { enable(socket, SOL_UDP, UDP_GRO); }

  /// Lets `socket`, which is of the given family, report the local address of each message.
  static void enable_pktinfo(int socket, int family) {
    family == AF_INET6 ? enable(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO)
                       : enable(socket, IPPROTO_IP, IP_PKTINFO);
  }

  /// Provides the space for the control data of a message to be received.
  void offer(msghdr& message) {
    message.msg_control = room_.data();
    message.msg_controllen = room_.size();
  }

  /// Returns the control data of a received message. A multicast address is left out, because nothing can
  /// be sent from it.
  static udp_control_data read(msghdr& message) {
    udp_control_data out;
    for (cmsghdr* each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
      if (each->cmsg_level == SOL_UDP && each->cmsg_type == UDP_GRO) {
        out.segment_size = static_cast<std::uint16_t>(value_of<int>(*each));
      } else if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
        const auto info = value_of<in_pktinfo>(*each);
        std::memcpy(out.local.data(), &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
      } else if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
        const auto info = value_of<in6_pktinfo>(*each);
        if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) {
          std::memcpy(out.local.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
        }
      }
    }
    return out;
  }

  /// Adds control data, if there is any, to a message to be sent by an IPv6 or IPv4 socket. The message
  /// must not have control data yet.
  void write(msghdr& message, const udp_control_data& control, bool is_v6) {
    if (control.segment_size > 0) put(message, SOL_UDP, UDP_SEGMENT, control.segment_size);
    if (control.local == ipv6_bytes{}) return;
    if (is_v6) {
      in6_pktinfo info{};
      std::memcpy(&info.ipi6_addr, control.local.data(), sizeof info.ipi6_addr);
      put(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
    } else {
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, control.local.data(), sizeof info.ipi_spec_dst);
      put(message, IPPROTO_IP, IP_PKTINFO, info);
    }
  }

 private:
  static void enable(int socket, int level, int name) {
    const int on = 1;
    ::setsockopt(socket, level, name, &on, sizeof on);
  }

  template <class T>
  static T value_of(const cmsghdr& from) {
    T out{};
    std::memcpy(&out, CMSG_DATA(&from), sizeof out);
    return out;
  }

  template <class T>
  void put(msghdr& message, int level, int type, const T& value) {
    message.msg_control = room_.data();
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(sizeof value);
    char* const at = room_.data() + message.msg_controllen;
    std::memcpy(at, &header, sizeof header);
    std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
    message.msg_controllen += CMSG_SPACE(sizeof value);
  }

  /// Enough for the size of a run and the larger kind of address.
  static constexpr std::size_t room_size =
      CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in6_pktinfo));

  alignas(cmsghdr) std::array<char, room_size> room_{};
};

}  // namespace rathole::io
