#pragma once

#include <rathole/core/address.hpp>
#include <rathole/io/datagram.hpp>
#include <rathole/sim/census.hpp>
#include <rathole/sim/network.hpp>
#include <rathole/sim/own_memory.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace rathole::sim {

/// A simulated UDP socket; models `io::DatagramSocket`. Closed at the latest by its destructor. A
/// datagram waits for its reader as long as there is room, else it is lost; on its way it may be lost
/// or overtaken, as the link's conditions say.
class datagram_socket {
 public:
  /// `peer` is whom it exchanges datagrams with; anybody if it has no port. `follows_port` is as in
  /// `io::udp_connect_options`.
  datagram_socket(network& where, std::shared_ptr<mailbox> box, const udp_endpoint& peer,
                  census& counted, bool follows_port = false)
      : network_(&where),
        box_(std::move(box)),
        peer_(peer),
        follows_port_(follows_port),
        owned_(counted.datagram_sockets) {}
  datagram_socket(datagram_socket&&) = default;
  datagram_socket& operator=(datagram_socket&& from) noexcept {
    close();
    network_ = from.network_;
    box_ = std::move(from.box_);
    peer_ = from.peer_;
    follows_port_ = from.follows_port_;
    owned_ = std::move(from.owned_);
    batch_ = std::move(from.batch_);
    views_ = std::move(from.views_);
    return *this;
  }
  ~datagram_socket() { close(); }

  void watch(std::move_only_function<void()> readable) { box_->watch(std::move(readable)); }
  void unwatch() { box_->unwatch(); }

  std::span<const io::datagram> receive() {
    const own_memory here;
    batch_.clear();
    views_.clear();
    while (batch_.size() < batch_size && box_ && !box_->waiting.empty()) {
      packet next = std::move(box_->waiting.front());
      box_->waiting.pop_front();
      if (follows_port_ && next.from.ip == peer_.ip) peer_ = next.from;
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

  std::size_t send(std::span<const io::datagram> batch) {
    if (!is_open()) return 0;
    std::size_t taken = 0;
    for (const io::datagram& each : batch) {
      const udp_endpoint& to = peer_.port != 0 ? peer_ : each.peer;
      if (network_->send_datagram(*box_, to, each.payload)) ++taken;
    }
    return taken;
  }

  [[nodiscard]] const address& local() const { return box_->local; }
  [[nodiscard]] bool is_open() const { return box_ && box_->open; }

  void close() {
    if (!is_open()) return;
    box_->close();
    owned_.reset();
  }

 private:
  static constexpr std::size_t batch_size = 64;

  network* network_;
  std::shared_ptr<mailbox> box_;
  udp_endpoint peer_;
  bool follows_port_ = false;
  census::entry owned_;
  std::vector<packet> batch_;
  std::vector<io::datagram> views_;
};

static_assert(io::DatagramSocket<datagram_socket>);

}  // namespace rathole::sim
