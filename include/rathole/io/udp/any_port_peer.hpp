#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/io/udp/batch.hpp>
#include <rathole/io/udp/datagram.hpp>

#include <asio/ip/udp.hpp>

#include <cstring>
#include <span>
#include <vector>

namespace rathole::io {

/// The peer of a socket that receives from all ports of one address and sends to the port that
/// it last received from. TFTP chooses a new port for each transfer in this way (RFC 1350 section
/// 4).
class any_port_peer {
 public:
  /// Makes a peer with the address and the first port of `at`.
  explicit any_port_peer(const asio::ip::udp::endpoint& at) {
    detail::socket_address system{};
    std::memcpy(&system, at.data(), at.size());
    peer_ = detail::from_socket_address(system, {});
  }

  /// Returns the datagrams of `all` that come from the peer's address, and records their port. The
  /// result is valid until the next call.
  std::span<const datagram> receive(std::span<const datagram> all) {
    own_.clear();
    for (const datagram& each : all) {
      const bool is_peer = each.peer.is_v6 == peer_.peer.is_v6 && each.peer.ip == peer_.peer.ip &&
                           each.scope == peer_.scope;
      if (!is_peer) continue;
      peer_.peer.port = each.peer.port;
      own_.push_back(each);
    }
    return own_;
  }

  /// Returns the payloads of `batch`, addressed to the port that was last received from. The result
  /// is valid until the next call.
  std::span<const datagram> address_to_peer(std::span<const datagram> batch) {
    own_.assign(batch.size(), peer_);
    for (std::size_t i = 0; i < batch.size(); ++i) own_[i].payload = batch[i].payload;
    return own_;
  }

 private:
  /// The address of the peer; the payload is empty.
  datagram peer_;
  std::vector<datagram> own_;
};

}  // namespace rathole::io
