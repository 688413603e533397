#pragma once

#include <rathole/client/datagram_receiver.hpp>
#include <rathole/client/udp_service.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/udp/datagram.hpp>
#include <rathole/io/udp/visitors.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace rathole::client_side {

/// The client's half of a UDP service whose visitors the program itself serves, through the
/// `datagram_receiver` of the service. A visitor has no socket, only its address and the data
/// channel of its last datagram, so it uses no descriptor. It lives on the control plane.
template <class Context>
class in_process_udp_service final : public udp_service<Context>, public datagram_sender {
 public:
  using typename udp_service<Context>::channel_type;
  using typename udp_service<Context>::runtime_type;
  using typename udp_service<Context>::service_pointer;

  /// Makes a service without visitors.
  in_process_udp_service(std::shared_ptr<Context> owner, service_pointer service)
      : udp_service<Context>(owner, std::move(service), owner->runtime()),
        visitors_(home(), settings()->udp.max_visitors, settings()->udp.idle_timeout,
                  [](channel_pointer&) {}) {}

  /// Queues a datagram for a visitor; see `datagram_sender`.
  bool send(const ip_endpoint& visitor, byte_view payload) override {
    channel_pointer* const via = visitors_.touch(visitor, home().now());
    if (!via) {
      ++losses().counts.unknown_visitor;
      losses().check();
      return false;
    }
    io::datagram one;
    one.payload = payload;
    return udp_service<Context>::send(visitor, *via, std::span(&one, 1)) == 1;
  }

  [[nodiscard]] bool knows(const ip_endpoint& visitor) override {
    return visitors_.touch(visitor, home().now()) != nullptr;
  }

 private:
  using udp_service<Context>::context;
  using udp_service<Context>::home;
  using udp_service<Context>::losses;
  using udp_service<Context>::settings;
  using channel_pointer = std::shared_ptr<channel_type>;

  /// Remembers the visitors, and passes their datagrams to the receiver.
  void send_to_service(const channel_pointer& from,
                       std::span<const protocol::udp_frame> frames) override {
    const auto& receivers = context()->datagram_receivers;
    const auto found = receivers.find(settings()->name);
    std::size_t taken = 0;
    if (found != receivers.end()) {
      remember(from, frames);
      // The receiver may be removed during the call.
      const auto receiver = found->second;
      const auto self = std::static_pointer_cast<in_process_udp_service>(this->shared_from_this());
      taken = receiver->receive(frames, self);
    }
    losses().counts.refused += frames.size() - taken;
  }

  void settings_changed(const config::client_service&) override {
    visitors_.set_limits(settings()->udp.max_visitors, settings()->udp.idle_timeout);
  }

  void forget_visitors() override { visitors_.clear(); }
  [[nodiscard]] std::size_t count_visitors() const override { return visitors_.size(); }

  /// Remembers that the visitors of `frames` are reached through `via`.
  void remember(const channel_pointer& via, std::span<const protocol::udp_frame> frames) {
    const time_point now = home().now();
    for (const protocol::udp_frame& each : frames) {
      if (channel_pointer* const known = visitors_.touch(each.visitor, now)) {
        if (*known != via) *known = via;
        continue;
      }
      if (visitors_.full()) ++losses().counts.evicted;
      try {
        visitors_.add(each.visitor, via, now);
      } catch (const std::bad_alloc&) {
        // The datagram is passed on nevertheless; a reply to it is lost, and counted then.
      }
    }
  }

  /// The data channels of the visitors' last datagrams.
  io::udp_visitors<runtime_type, channel_pointer> visitors_;
};

}  // namespace rathole::client_side
