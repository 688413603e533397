#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/client_balancer.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/server/source_number.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace rathole::server_side {

/// The data channels of the clients of a UDP service, and the choice of one for a visitor. A client is one as long
/// as it has a channel. It lives in one runtime.
template <class Channel>
class udp_client_channels {
 public:
  /// A data channel.
  using channel_pointer = std::shared_ptr<Channel>;

  /// Which client serves a visitor.
  struct assignment {
    /// The period of the client, once there was one.
    protocol::client_id period = 0;
    /// Keeps the visitor counted there.
    protocol::client_lease lease;
  };

  /// Returns whether there are no channels.
  [[nodiscard]] bool empty() const { return channels_.empty(); }

  /// Adds a channel of `client`, which is at `peer`. If memory runs out, nothing changes.
  void add(const channel_pointer& channel, protocol::client_id client, const address& peer) {
    channels_.reserve(channels_.size() + 1);
    const auto other = std::ranges::find(channels_, client, &carrying::client);
    const bool is_first = other == channels_.end();
    const protocol::client_id period = is_first ? next_period_ : other->period;
    if (is_first) {
      balancer_->add(period, source_number(peer, 0));
      ++next_period_;
    }
    channels_.push_back({channel, client, period});
  }

  /// Removes a channel.
  void remove(const channel_pointer& channel) {
    const auto found = std::ranges::find(channels_, channel, &carrying::channel);
    const protocol::client_id period = found->period;
    channels_.erase(found);
    if (count(period) == 0) balancer_->remove(period);
  }

  /// Applies the settings of the service: how much may wait for a channel, how many channels a client has, of which
  /// the newest are closed, and how clients are chosen from now on. `runtime` draws random numbers.
  template <class Runtime>
  void apply_settings(const config::server_service& service, Runtime& runtime) {
    for (const carrying& each : channels_) each.channel->set_queue_size(service.udp.queue_size);
    for (auto each = channels_.begin(); each != channels_.end(); ++each) {
      const auto before = std::count_if(channels_.begin(), each, is_of(each->period));
      if (static_cast<std::size_t>(before) >= service.pool.size) each->channel->close();
    }
    has_affinity_ = service.affinity == config::client_affinity::source;
    if (!has_affinity_ || seed_) return;
    auto rng = runtime.rng();
    seed_ = random_bits(rng);
  }

  /// Returns the channel for a visitor at `peer` that has none: one of its client, which is another one if the
  /// last one has gone. `visitors` is the `io::udp_visitors` of the service. There must be a channel.
  template <class Visitors>
  channel_pointer choose(assignment& of, const ip_endpoint& peer, time_point now,
                         const Visitors& visitors) {
    if (count(of.period) == 0) {
      std::optional<std::uint64_t> source;
      if (has_affinity_) source = ip_endpoint_hash{*seed_}(protocol::source_network(peer));
      of.period = *balancer_->choose(now, {}, source);
      of.lease = protocol::client_lease(balancer_, of.period);
    }
    std::size_t left = visitors.hash_index(peer, count(of.period));
    const auto is_it = [&](const carrying& each) {
      return each.period == of.period && left-- == 0;
    };
    return std::ranges::find_if(channels_, is_it)->channel;
  }

  /// Calls `use` with each channel.
  template <class F>
  void for_each(F use) const {
    for (const carrying& each : channels_) use(*each.channel);
  }

  /// Returns what is known about a client; nothing if it has no channel.
  [[nodiscard]] protocol::client_balancer::client_state state_of(protocol::client_id client,
                                                                 time_point now) const {
    const auto found = std::ranges::find(channels_, client, &carrying::client);
    if (found == channels_.end()) return {};
    return balancer_->state_of(found->period, now);
  }

 private:
  struct carrying {
    channel_pointer channel;
    /// The number of the client.
    protocol::client_id client;
    /// The number of the time in which the client has had channels without a gap: visitors of an earlier one are
    /// not counted in a later one.
    protocol::client_id period;
  };

  static auto is_of(protocol::client_id period) {
    return [period](const carrying& each) { return each.period == period; };
  }

  [[nodiscard]] std::size_t count(protocol::client_id period) const {
    return static_cast<std::size_t>(std::ranges::count_if(channels_, is_of(period)));
  }

  std::vector<carrying> channels_;
  protocol::client_id next_period_ = 1;
  const std::shared_ptr<protocol::client_balancer> balancer_ =
      std::make_shared<protocol::client_balancer>();
  bool has_affinity_ = false;
  /// Exists once there was an affinity.
  std::optional<std::uint64_t> seed_;
};

}  // namespace rathole::server_side
