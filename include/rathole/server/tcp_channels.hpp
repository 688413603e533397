#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/channel_pool.hpp>
#include <rathole/protocol/channel_requests.hpp>
#include <rathole/protocol/client_balancer.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/server/context.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/forward.hpp>
#include <rathole/server/hand_over.hpp>
#include <rathole/server/loop_watch.hpp>
#include <rathole/server/pool_limits.hpp>
#include <rathole/server/proxy_header.hpp>
#include <rathole/server/start_forward.hpp>
#include <rathole/server/tcp_service.hpp>
#include <rathole/server/visitor.hpp>
#include <rathole/server/waiting_streams.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::server_side {

/// The visitors and data channels of the session of a TCP service: performs what
/// `protocol::channel_pool` decides. It owns the visitors that wait for its client, which the `tcp_service`
/// passes to it, and gives those back that it does not serve. Each data channel is owned by a coroutine, to
/// which a matched visitor is handed over. It is a part of its `control_session`.
template <class Context>
class tcp_channels {
 public:
  /// The type of the session.
  using session_type = control_session<Context>;
  /// The type of the server's context.
  using context_type = Context;
  /// The type of the stream of a data channel.
  using stream_type = typename Context::stream_type;
  /// The type of a visitor.
  using visitor_type = visitor<typename Context::visitor_type>;

  /// Makes this part of `session`.
  explicit tcp_channels(session_type& session)
      : session_(session),
        pool_(limits()),
        loops_(std::make_shared<loop_watch<tcp_channels>>(*this, peer())) {}
  tcp_channels(const tcp_channels&) = delete;
  tcp_channels& operator=(const tcp_channels&) = delete;

  /// Returns the context of the server.
  [[nodiscard]] const std::shared_ptr<Context>& shared_context() const {
    return session_.shared_context();
  }
  /// Returns the counter of the visitors that wait. One that gets a multiplexed stream needs no
  /// descriptor but its own.
  [[nodiscard]] std::size_t& waiting_counter() const {
    auto& use = shared_context()->descriptors.use;
    return session_.is_multiplexed() ? use.one_sided : use.waiting;
  }
  /// Returns whether data channels are multiplexed streams.
  [[nodiscard]] bool is_multiplexed() const { return session_.is_multiplexed(); }
  /// Returns the current settings of the service.
  [[nodiscard]] const auto& service() const { return session_.service(); }
  /// Returns the address of the client.
  [[nodiscard]] const address& peer() const { return session_.peer(); }
  /// Returns the number of the client.
  [[nodiscard]] protocol::client_id id() const { return session_.id(); }
  /// Returns the service, which other clients may serve too; null before `start`.
  [[nodiscard]] const std::shared_ptr<tcp_service<Context>>& tcp() const { return tcp_; }
  /// Returns true: every client can serve a TCP service beside others.
  [[nodiscard]] bool can_join() const { return true; }
  /// Returns the state of the client; see `control_session::state`.
  [[nodiscard]] protocol::client_balancer::client_state state() const {
    if (!tcp_) return {};
    return tcp_->state_of(id());
  }
  /// Ends the session because of `reason`.
  void close(std::error_code reason) { session_.close(reason); }

  /// Accepts a visitor of the service.
  void visitor_arrived(visitor_type arrived) {
    if (loops_->concerns(arrived.peer())) return loops_->visitor_arrived(std::move(arrived));
    queue_visitor(std::move(arrived));
  }

  /// Lets a visitor wait for a data channel. If memory runs out, only that visitor is reset.
  void queue_visitor(visitor_type arrived) {
    const protocol::visitor_id id = next_id_++;
    arrived.waits_since(session_.now());
    if (auto* const request = arrived.request()) {
      request->on_cancel([this, id] { withdraw(id); });
    }
    add_waiting(visitors_, id, {std::move(arrived), waiting_counter()},
                [&] { pool_.visitor_arrived(id, session_.now()); });
    perform_actions();
  }

  /// Serves one data channel of the client; see `control_session::run_data_channel`.
  static io::awaitable<void> serve(std::shared_ptr<tcp_channels> self, stream_type channel) {
    try {
      auto matched = co_await self->await_visitor_and_start(channel);
      if (!matched) co_return;
      protocol::client_lease counted = matched->take_client();
      auto running = self->run_forward(std::move(*matched), std::move(channel), counted);
      self.reset();
      co_await std::move(running);
    } catch (const std::bad_alloc&) {
      if (self) self->close(out_of_memory());
    }
  }

  /// Lets the service have the client, and requests the first data channels. `self` is this object.
  void start(const std::shared_ptr<tcp_channels>& self) {
    auto& context = *shared_context();
    tcp_ = find_tcp_service(context, protocol::service_digest(service()->name));
    if (!tcp_) tcp_ = std::make_shared<tcp_service<Context>>(shared_context(), service());
    tcp_->join(id(), *this);
    apply_settings(self);
  }

  /// Applies new settings of the service: its addresses and limits. `self` is this object.
  void apply_settings([[maybe_unused]] const std::shared_ptr<tcp_channels>& self) {
    if (!tcp_) return;
    tcp_->apply_settings(service());
    apply_limits();
  }

  /// Applies the limits of the settings, which depend on whether there are other clients.
  void apply_limits() {
    pool_.set_limits(limits());
    perform_actions();
  }

  /// Closes everything, because the session has ended.
  void end(std::error_code reason) {
    if (tcp_) tcp_->leave(id());
    loops_->close([&](visitor_type held) { give_back(std::move(held), reason); });
    pool_.stop(reason);
    perform_actions();
  }

  /// Performs the actions of the pool.
  void perform_actions() {
    session_.perform_actions(pool_, [this](const protocol::pool_action& action) {
      std::visit([this](const auto& what) { this->perform(what); }, action);
    });
  }

  /// Returns what waits for data channels, and what data channels wait for.
  [[nodiscard]] protocol::channel_counts counts() const { return pool_.counts(); }

  /// Returns the number of visitors that hold a descriptor and wait for a data channel.
  [[nodiscard]] std::size_t waiting_visitors() const { return pool_.waiting(); }

  /// Closes listeners; see `control_session::close_conflicting`.
  bool close_conflicting(const address_list& kept, const address_list& needed) {
    return tcp_ && tcp_->close_conflicting(kept, needed);
  }

  /// Does nothing, because `close_conflicting` has closed the sockets.
  static io::awaitable<void> close_removed_sockets(
      [[maybe_unused]] std::shared_ptr<tcp_channels> self,
      [[maybe_unused]] std::shared_ptr<const config::server_service> next) {
    co_return;
  }

  /// Closes idle data channels beyond the service's share of the descriptors; returns how many.
  std::size_t share_idle_channels() {
    const std::size_t before = pool_.idle();
    pool_.set_limits(limits());
    perform_actions();
    return before - std::min(before, pool_.idle());
  }

  /// Resets the newest waiting visitor because of `cause`; returns whether there was one.
  bool refuse_newest(std::error_code cause) {
    const auto newest = pool_.refuse_newest(cause);
    if (!newest) return false;
    visitors_.at(*newest).visitor.abort(cause);
    perform_actions();
    return true;
  }

 private:
  using place = channel_place<stream_type, visitor_type>;
  using visitor_node = typename place::visitor_node;

  [[nodiscard]] protocol::pool_limits limits() const {
    // Idle multiplexed streams use no descriptors.
    const std::size_t share = session_.is_multiplexed()
                                  ? protocol::descriptor_budget::unlimited
                                  : shared_context()->descriptors.idle_share();
    auto out = pool_limits_of(*service(), share);
    if (tcp_ && tcp_->clients() > 1)
      out.visitor_timeout = std::min(out.visitor_timeout, client_timeout);
    return out;
  }

  /// Keeps an idle data channel until a visitor is handed over, starts the visitor's traffic, and
  /// returns the visitor. Returns nothing if the channel ended first, or could not be started. The
  /// channel is closed if the client sends before it was asked to start.
  io::awaitable<std::optional<visitor_type>> await_visitor_and_start(stream_type& channel) {
    if (session_.has_ended()) co_return std::nullopt;
    const protocol::channel_id id = next_id_++;
    place here(places_, id, channel, shared_context()->descriptors.use);
    try {
      pool_.channel_arrived(id);
      perform_actions();
      if (!here.visitor) co_await channel.wait_readable();
      if (!here.visitor) {
        close_idle(id, channel);
        co_return std::nullopt;
      }
      const visitor_type& next_visitor = here.visitor.mapped().visitor;
      auto header = proxy_header_of(*service(), next_visitor);
      const auto started = co_await start_forward(
          *shared_context(), channel, protocol::data_command::start_forward_tcp, std::move(header));
      // The visitor may have been withdrawn meanwhile.
      if (session_.has_ended() || !here.visitor) co_return std::nullopt;
      if (started) {
        pool_.started(here.visitor.key());
        tcp_->served(session_.id());
        visitor_type& next = here.visitor.mapped().visitor;
        if (auto* const request = next.request()) request->ignore_cancel();
        co_return std::optional<visitor_type>(std::move(next));
      }
      take_back(here, started.error());
    } catch (const std::bad_alloc&) {
      // Here the place still exists, so that what it holds is closed with the session.
      close(out_of_memory());
    }
    co_return std::nullopt;
  }

  /// Returns the work for the connection of a visitor whose data channel has been started, and which is counted
  /// at its client by `counted`, which must outlive it.
  io::awaitable<void> run_forward(visitor_type matched, stream_type channel,
                                  protocol::client_lease& counted) {
    const duration waited = session_.now() - matched.since();
    if (auto* const request = matched.request()) {
      return hand_over(shared_context(), service(), std::move(*request), std::move(channel),
                       waited);
    }
    return forward(shared_context(), service(), std::move(*matched.stream()), std::move(channel),
                   waited, loops_, matched.take_lease(), counted);
  }

  /// Forgets a request that the program has cancelled.
  void withdraw(protocol::visitor_id id) {
    visitor_node gone;
    if (const auto channel = pool_.visitor_left(id)) {
      place& at = *places_.at(*channel);
      at.close();
      gone = std::move(at.visitor);
    } else {
      gone = visitors_.extract(id);
    }
    if (gone) gone.mapped().visitor.abort(errc::stopped);
    perform_actions();
  }

  /// Closes an idle data channel that has ended, or that must not be used.
  void close_idle(protocol::channel_id id, stream_type& channel) {
    channel.close();
    pool_.channel_lost(id);
    perform_actions();
  }

  /// Lets a visitor wait again whose data channel could not be started because of `cause`.
  void take_back(place& from, std::error_code cause) {
    pool_.start_failed(from.visitor.key(), cause);
    visitors_.insert(std::move(from.visitor));
    perform_actions();
  }

  void perform(const protocol::assign& what) {
    places_.at(what.channel)->assign(visitors_.extract(what.visitor));
  }
  void perform(const protocol::request_channel&) { session_.request_data_channel(); }
  void perform(const protocol::refuse& what) {
    give_back(visitors_.extract(what.visitor), what.cause);
  }
  void perform(const protocol::expire& what) {
    give_back(visitors_.extract(what.visitor), make_error_code(errc::timed_out));
  }
  void perform(const protocol::reject& what) { places_.at(what.channel)->close(); }
  void perform(const protocol::abandon& what) {
    place& both = *places_.at(what.channel);
    both.close();
    give_back(std::move(both.visitor), what.cause);
  }

  /// Gives a visitor that is not served because of `cause` back to the service.
  void give_back(visitor_node waiting, std::error_code cause) {
    visitor_type given = std::move(waiting.mapped().visitor);
    // It may wait here again at once.
    waiting = visitor_node();
    give_back(std::move(given), cause);
  }
  void give_back(visitor_type given, std::error_code cause) {
    tcp_->not_served(id(), peer(), std::move(given), cause);
  }

  session_type& session_;
  /// Precedes the pool, whose limits depend on it.
  std::shared_ptr<tcp_service<Context>> tcp_;
  protocol::channel_pool pool_;
  const std::shared_ptr<loop_watch<tcp_channels>> loops_;
  server_side::waiting_visitors<visitor_type> visitors_;
  typename place::map places_;
  std::uint64_t next_id_ = 0;
};

}  // namespace rathole::server_side
