#pragma once

#include <rathole/core/address.hpp>
#include <rathole/io/udp/datagram.hpp>
#include <rathole/sim/network.hpp>
#include <rathole/sim/own_memory.hpp>
#include <rathole/sim/resource_counts.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::sim {

/// A simulated UDP socket; models `io::DatagramSocket`. A datagram that has arrived waits as
/// long as there is room, and is lost otherwise. On its way a datagram may be lost or overtaken, as
/// the conditions of the link say. The destructor closes the socket.
class datagram_socket {
 public:
  /// Makes a socket that receives from `box`. It exchanges datagrams only with `peer`, or with
  /// anyone if `peer` has no port. `any_peer_port` is as in `io::udp_connect_options`.
  datagram_socket(network& where, std::shared_ptr<mailbox> box, const ip_endpoint& peer,
                  resource_counts& counted, bool any_peer_port = false)
      : network_(&where),
        box_(std::move(box)),
        peer_(peer),
        any_peer_port_(any_peer_port),
        owned_(counted.datagram_sockets) {}
  /// Takes over another socket.
  datagram_socket(datagram_socket&&) = default;
  /// Closes this socket and takes over `from`.
  datagram_socket& operator=(datagram_socket&& from) noexcept {
    close();
    network_ = from.network_;
    box_ = std::move(from.box_);
    peer_ = from.peer_;
    any_peer_port_ = from.any_peer_port_;
    owned_ = std::move(from.owned_);
    batch_ = std::move(from.batch_);
    views_ = std::move(from.views_);
    return *this;
  }
  /// Closes the socket.
  ~datagram_socket() { close(); }

  /// Calls `readable` whenever something can be received; see `io::DatagramSocket`.
  void watch(std::move_only_function<void()> readable) { box_->watch(std::move(readable)); }
  /// Ends the calls; see `io::DatagramSocket`.
  void unwatch() { box_->unwatch(); }

  /// Returns the datagrams that have arrived; see `io::DatagramSocket`.
  std::span<const io::datagram> receive() {
    const own_memory here;
    batch_.clear();
    views_.clear();
    while (batch_.size() < batch_size && box_ && !box_->waiting.empty()) {
      packet next = std::move(box_->waiting.front());
      box_->waiting.pop_front();
      if (any_peer_port_ && next.from.ip == peer_.ip) peer_ = next.from;
      if (peer_.port != 0 && !(next.from == peer_)) continue;
      batch_.push_back(std::move(next));
    }
    for (const packet& each : batch_) {
      io::datagram& view = views_.emplace_back();
      view.peer = each.from;
      view.payload = each.payload;
    }
    return views_;
  }

  /// Sends datagrams; see `io::DatagramSocket`.
  std::size_t send(std::span<const io::datagram> batch) {
    if (!is_open()) return 0;
    std::size_t taken = 0;
    for (const io::datagram& each : batch) {
      const ip_endpoint& to = peer_.port != 0 ? peer_ : each.peer;
      if (network_->send_datagram(*box_, to, each.payload)) ++taken;
    }
    return taken;
  }

  /// Returns no error, because the simulated network reports none; see `io::DatagramSocket`.
  std::error_code take_error() { return {}; }

  /// Returns the address that it is bound to.
  [[nodiscard]] const address& local() const { return box_->local; }
  /// Returns whether the socket is open.
  [[nodiscard]] bool is_open() const { return box_ && box_->open; }

  /// Closes the socket; see `io::DatagramSocket`.
  void close() {
    if (!is_open()) return;
    box_->close();
    owned_.reset();
  }

 private:
  static constexpr std::size_t batch_size = 64;

  network* network_;
  std::shared_ptr<mailbox> box_;
  ip_endpoint peer_;
  bool any_peer_port_ = false;
  resource_counts::entry owned_;
  std::vector<packet> batch_;
  std::vector<io::datagram> views_;
};

static_assert(io::DatagramSocket<datagram_socket>);

}  // namespace rathole::sim
