#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/no_descriptor.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/client_balancer.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/protocol/visitor_limits.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/find_in_sessions.hpp>
#include <rathole/server/service_listener.hpp>
#include <rathole/server/source_number.hpp>
#include <rathole/server/visitor.hpp>
#include <rathole/server/visitor_gate.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::server_side {

template <class Context>
class tcp_channels;

/// How long a visitor waits for a data channel of one client before it is passed to another one, if the
/// service has several.
inline constexpr duration client_timeout = std::chrono::seconds(2);

/// The server's half of a TCP service while clients serve it: its listeners, the decision who is admitted, and
/// the distribution of its visitors to the clients. A client that does not serve a visitor passes it back, and it
/// gets another client until it has tried all. It ends with its last client.
///
/// It lives on the control plane. The sessions of the clients own it together with the coroutines that accept.
template <class Context>
class tcp_service : public std::enable_shared_from_this<tcp_service<Context>> {
 public:
  /// The type of the server's context.
  using context_type = Context;
  /// The part of a session that serves visitors.
  using channels_type = tcp_channels<Context>;
  /// The type of a visitor.
  using visitor_type = visitor<typename Context::visitor_type>;
  /// The settings of the service.
  using service_pointer = std::shared_ptr<const config::server_service>;

  /// Makes the service, which has no clients and does not listen yet.
  tcp_service(std::shared_ptr<Context> context, service_pointer service)
      : context_(std::move(context)),
        service_(std::move(service)),
        balancer_(std::make_shared<protocol::client_balancer>()) {}
  tcp_service(const tcp_service&) = delete;
  tcp_service& operator=(const tcp_service&) = delete;

  /// Returns the context of the server.
  [[nodiscard]] const std::shared_ptr<Context>& shared_context() const { return context_; }
  /// Returns the current settings of the service.
  [[nodiscard]] const service_pointer& service() const { return service_; }
  /// Returns what decides which visitors are admitted.
  [[nodiscard]] visitor_gate& gate() { return gate_; }
  /// Returns a token that is requested when the last client has gone.
  [[nodiscard]] std::stop_token ending() const { return ended_.get_token(); }
  /// Returns whether every data channel is a multiplexed stream.
  [[nodiscard]] bool is_multiplexed() const {
    const auto is = [](const member& each) { return each.channels->is_multiplexed(); };
    return std::ranges::all_of(members_, is);
  }
  /// Returns the number of clients.
  [[nodiscard]] std::size_t clients() const { return members_.size(); }
  /// Returns what is known about a client of the service.
  [[nodiscard]] protocol::client_balancer::client_state state_of(protocol::client_id id) const {
    return balancer_->state_of(id, context_->runtime().now());
  }

  /// Adds the client `id`, whose visitors `channels` serves until `leave`.
  void join(protocol::client_id id, channels_type& channels) {
    members_.reserve(members_.size() + 1);
    balancer_->add(id, source_number(channels.peer(), 0));
    members_.push_back({id, &channels});
    if (members_.size() == 2) members_.front().channels->apply_limits();
  }

  /// Removes a client, which passes its visitors back afterwards. With the last one the service ends. Needs no
  /// memory; has no effect the second time.
  void leave(protocol::client_id id) {
    balancer_->remove(id);
    const auto left = std::erase_if(members_, [id](const member& each) { return each.id == id; });
    if (left == 0) return;
    if (members_.size() == 1) members_.front().channels->apply_limits();
    if (!members_.empty()) return;
    ended_.request_stop();
    listeners_.close();
  }

  /// Applies new settings: the addresses, and who is admitted.
  void apply_settings(service_pointer next) {
    service_ = std::move(next);
    std::shared_ptr<protocol::visitor_limits> counts;
    if (has_limits(*service_)) {
      counts = counts_in(context_->visitor_counts[service_->name], context_->runtime());
    }
    gate_.set(service_, std::move(counts));
    if (service_->affinity == config::client_affinity::source && !seed_) {
      auto rng = context_->runtime().rng();
      seed_ = random_bits(rng);
    }
    listeners_.listen(this->shared_from_this(), service_->bind_addr);
  }

  /// Closes listeners; see `control_session::close_conflicting`.
  bool close_conflicting(const address_list& kept, const address_list& needed) {
    return listeners_.close_conflicting(kept, needed);
  }

  /// Accepts a visitor: passes it to a client.
  void visitor_arrived(visitor_type arrived) {
    if (channels_type* const chosen = choose(arrived)) {
      return chosen->visitor_arrived(std::move(arrived));
    }
    refuse(std::move(arrived), make_error_code(errc::no_client));
  }

  /// Records that a client has begun to serve a visitor.
  void served(protocol::client_id id) { balancer_->served(id); }

  /// Takes a visitor back that the client `by` at `peer` has not served because of `cause`: passes it to another
  /// one, or refuses it. Within another call of this function that happens when that one continues.
  void not_served(protocol::client_id by, const address& peer, visitor_type visitor,
                  std::error_code cause) {
    const auto alive = this->shared_from_this();
    unserved taken{by, peer, std::move(visitor), cause};
    try {
      unserved_.push_back(std::move(taken));
    } catch (const std::bad_alloc&) {
      return refuse(std::move(taken.visitor), out_of_memory());
    }
    // The client that gets a visitor may at once give others back. Without this queue, the depth of the calls
    // would be the number of visitors.
    if (is_passing_) return;
    const passing_on here(is_passing_);
    while (!unserved_.empty()) {
      unserved next = std::move(unserved_.front());
      unserved_.pop_front();
      pass_on(next.by, next.peer, std::move(next.visitor), next.cause);
    }
  }

 private:
  struct member {
    protocol::client_id id;
    channels_type* channels;
  };
  /// A visitor that a client has not served.
  struct unserved {
    protocol::client_id by;
    address peer;
    visitor_type visitor;
    std::error_code cause;
  };

  /// Sets a flag for as long as it lives.
  class passing_on {
   public:
    explicit passing_on(bool& flag) : flag_(flag) { flag_ = true; }
    passing_on(const passing_on&) = delete;
    passing_on& operator=(const passing_on&) = delete;
    ~passing_on() { flag_ = false; }

   private:
    bool& flag_;
  };

  /// Passes a visitor that was not served to another client, or refuses it.
  void pass_on(protocol::client_id by, const address& peer, visitor_type visitor,
               std::error_code cause) {
    const time_point now = context_->runtime().now();
    visitor.serve_by({});
    const bool is_failure = cause != errc::limit_reached && cause != errc::stopped;
    const bool is_own = cause == no_descriptor() || cause == out_of_memory();
    const bool is_news = is_failure && !is_own && balancer_->failed(by, now);
    if (is_own || members_.empty() || context_->closing.stop_requested()) {
      return refuse(std::move(visitor), cause);
    }
    if (cause == errc::timed_out && now - visitor.since() >= service_->pool.visitor_timeout) {
      return refuse(std::move(visitor), cause);
    }
    channels_type* next = nullptr;
    try {
      visitor.has_tried(by);
      next = choose(visitor);
      if (!next && cause == errc::timed_out) {
        visitor.forget_tried();
        next = choose(visitor);
      }
    } catch (const std::bad_alloc&) {
      return refuse(std::move(visitor), out_of_memory());
    }
    if (!next) return refuse(std::move(visitor), cause);
    if (next->id() != by) {
      const visitor_failed_over event{service_->name, visitor.peer(), peer, cause, is_news};
      context_->emit(event);
    }
    try {
      next->visitor_arrived(std::move(visitor));
    } catch (const std::bad_alloc&) {
      // The visitor was reset.
    }
  }

  /// Returns the part of the session of the client that serves `arrived`, which is counted there; null if the
  /// visitor has tried all clients.
  channels_type* choose(visitor_type& arrived) {
    std::optional<std::uint64_t> source;
    if (service_->affinity == config::client_affinity::source) {
      source = source_number(arrived.peer(), *seed_);
    }
    const auto id = balancer_->choose(context_->runtime().now(), arrived.tried(), source);
    if (!id) return nullptr;
    arrived.serve_by(protocol::client_lease(balancer_, *id));
    return std::ranges::find(members_, *id, &member::id)->channels;
  }

  /// Reports that a visitor is refused, and resets it.
  void refuse(visitor_type refused, std::error_code cause) {
    const visitor_refused event{service_->name, refused.peer(), cause};
    context_->emit(event);
    refused.abort(cause);
  }

  const std::shared_ptr<Context> context_;
  service_pointer service_;
  service_listeners listeners_;
  visitor_gate gate_;
  const std::shared_ptr<protocol::client_balancer> balancer_;
  std::vector<member> members_;
  /// The visitors that clients have not served, and that no other one has yet.
  std::list<unserved> unserved_;
  /// Whether a call of `not_served` empties that queue.
  bool is_passing_ = false;
  /// Makes the sources of visitors unpredictable; exists once that matters.
  std::optional<std::uint64_t> seed_;
  std::stop_source ended_;
};

/// Returns the TCP service with the digest `key` while a client serves it, or null.
template <class Context>
std::shared_ptr<tcp_service<Context>> find_tcp_service(Context& self, const protocol::digest& key) {
  const auto part = [](const auto& session) { return session.tcp(); };
  return find_in_sessions<std::shared_ptr<tcp_service<Context>>>(self, key, part);
}

}  // namespace rathole::server_side
