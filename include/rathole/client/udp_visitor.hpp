#pragma once

#include <rathole/client/own_udp_sockets.hpp>
#include <rathole/client/unsent_datagrams.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/udp/datagram.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/protocol/udp_loop_detector.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace rathole::client_side {

/// A visitor of a UDP service, with its socket to the local service once that is open.
template <io::DatagramSocket S, class Channel>
struct udp_visitor {
  /// Makes a visitor that counts in `count` until it is closed. `path` are the services that lead
  /// to it.
  udp_visitor(const ip_endpoint& from, std::size_t& unsent_bytes, std::atomic<std::size_t>& count,
              std::vector<const void*> path)
      : id(from),
        unsent(unsent_bytes),
        sent(std::make_shared<protocol::sent_datagrams>(std::move(path))),
        count_(&count) {
    ++count;
  }
  udp_visitor(const udp_visitor&) = delete;
  udp_visitor& operator=(const udp_visitor&) = delete;
  /// Closes the visitor.
  ~udp_visitor() { close(); }

  /// Stores the open socket, and adds it to `own`, the sockets of the client.
  void set_socket(S opened, own_udp_sockets& own) {
    socket.emplace(std::move(opened));
    if (const auto here = to_ip_endpoint(socket->local())) {
      own.add(*here, sent);
      own_ = &own;
      here_ = *here;
    }
  }

  /// Sends datagrams; returns how many the system accepted.
  std::size_t send(std::span<const protocol::udp_frame> frames) {
    std::array<io::datagram, batch_size> batch;
    std::size_t taken = 0;
    while (!frames.empty()) {
      const std::size_t count = std::min(frames.size(), batch.size());
      for (std::size_t i = 0; i < count; ++i) {
        batch[i].payload = frames[i].payload;
        sent->note(frames[i].payload);
      }
      taken += socket->send(std::span<const io::datagram>(batch).first(count));
      frames = frames.subspan(count);
    }
    return taken;
  }

  /// Sends what waited for the socket; returns how many datagrams the system refused.
  std::size_t send_unsent() {
    std::size_t refused = 0;
    for (const auto& payload : unsent.payloads()) {
      io::datagram first;
      first.payload = payload;
      sent->note(payload);
      if (socket->send(std::span(&first, 1)) == 0) ++refused;
    }
    unsent.clear();
    return refused;
  }

  /// Closes the socket permanently.
  void close() {
    gone = true;
    if (own_) std::exchange(own_, nullptr)->remove(here_, sent.get());
    if (socket) socket->close();
    if (count_) --*std::exchange(count_, nullptr);
  }

  /// The visitor's address.
  const ip_endpoint id;
  /// The socket to the local service.
  std::optional<S> socket;
  /// The data channel of its last datagram.
  std::shared_ptr<Channel> via;
  /// The datagrams that wait for the socket.
  unsent_datagrams unsent;
  /// What the socket has sent.
  const std::shared_ptr<protocol::sent_datagrams> sent;
  /// Whether it was closed or could not be stored.
  bool gone = false;

 private:
  static constexpr std::size_t batch_size = 64;

  /// The owner of `count_` and `own_` outlives the visitor.
  std::atomic<std::size_t>* count_;
  own_udp_sockets* own_ = nullptr;
  ip_endpoint here_;
};

}  // namespace rathole::client_side
