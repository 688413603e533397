#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/io/datagram.hpp>
#include <rathole/io/udp_batch.hpp>

#include <asio/ip/udp.hpp>

#include <cstring>
#include <span>
#include <vector>

namespace rathole::io {

/// The peer of a socket that takes datagrams from all ports of one address, and sends to the one
/// that it heard last: how TFTP chooses a port for each transfer (RFC 1350 section 4).
class followed_peer {
 public:
  explicit followed_peer(const asio::ip::udp::endpoint& at) {
    detail::socket_address system{};
    std::memcpy(&system, at.data(), at.size());
    peer_ = detail::from_socket_address(system, {});
  }

  /// Those of `all` that come from the peer's address. Valid until the next call.
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

  /// The payloads of `batch` for the port that was heard last. Valid until the next call.
  std::span<const datagram> address_to_peer(std::span<const datagram> batch) {
    own_.assign(batch.size(), peer_);
    for (std::size_t i = 0; i < batch.size(); ++i) own_[i].payload = batch[i].payload;
    return own_;
  }

 private:
  /// Without a payload.
  datagram peer_;
  std::vector<datagram> own_;
};

}  // namespace rathole::io
