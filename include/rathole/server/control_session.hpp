#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/io/time/earliest_timer.hpp>
#include <rathole/protocol/channel_pool.hpp>
#include <rathole/protocol/server_control.hpp>
#include <rathole/server/context.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/forward.hpp>
#include <rathole/server/loop_watch.hpp>
#include <rathole/server/pool_limits.hpp>
#include <rathole/server/service_listener.hpp>
#include <rathole/server/start_forward.hpp>
#include <rathole/server/udp_service.hpp>
#include <rathole/server/udp_slot_runner.hpp>
#include <rathole/server/udp_slots.hpp>
#include <rathole/server/waiting_streams.hpp>

#include <asio/dispatch.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <utility>
#include <variant>

namespace rathole::server {

/// The client that serves one service: its control channel, its idle data channels, and the
/// visitors that wait for one. It owns the service's listeners, which exist while the client is
/// connected. Active connections belong to the server and outlive the session.
template <class Context>
class control_session : public std::enable_shared_from_this<control_session<Context>> {
 public:
  /// The type of the server's context.
  using context_type = Context;
  /// The type of the stream of a control or data channel.
  using stream_type = typename Context::stream_type;
  /// The type of the stream of a visitor.
  using visitor_type = typename Context::visitor_type;
  /// The protocol machine of the control channel.
  using machine_type = protocol::server_control<typename Context::codec_type>;
  /// The settings of the service.
  using service_pointer = std::shared_ptr<const config::server_service>;

  /// Makes a session for the client at the other end of `stream`, authenticated by `machine`.
  control_session(std::shared_ptr<Context> context, service_pointer service, stream_type stream,
                  machine_type machine)
      : context_(std::move(context)),
        service_(std::move(service)),
        stream_(std::move(stream)),
        machine_(std::move(machine)),
        driver_(context_->runtime(), stream_, machine_),
        held_(context_->descriptors.use.fixed),
        is_counted_(context_->descriptors.use.services),
        pool_(limits()),
        pool_timer_(context_->runtime(), [this] { pump(); }),
        loops_(std::make_shared<loop_watch<control_session>>(*this, stream_.peer())) {
    if (service_->kind == config::service_kind::udp) {
      udp_ = std::make_shared<udp_service_type>(context_, service_, context_->runtime().worker());
    }
  }

  /// Returns the context of the server.
  [[nodiscard]] const std::shared_ptr<Context>& shared_context() const { return context_; }
  /// Returns the current settings of the service.
  [[nodiscard]] const service_pointer& service() const { return service_; }
  /// Returns the address of the client.
  [[nodiscard]] const address& peer() const { return stream_.peer(); }
  /// Returns the channel pool of the service.
  [[nodiscard]] const protocol::channel_pool& pool() const { return pool_; }

  /// Serves the client until its connection ends or `close` is called; returns the reason.
  io::awaitable<std::error_code> run() {
    const auto close_all = [this] { close(make_error_code(errc::stopped)); };
    const std::stop_callback on_close(context_->closing.get_token(), close_all);
    if (ended_.stop_requested()) co_return reason_;
    const time_point now = context_->runtime().now();
    // The settings may have changed while the client authenticated.
    machine_.set_heartbeat_interval(context_->settings->heartbeat_interval, now);
    machine_.accept(now);
    if (udp_) udp_service_type::start(udp_, ended_.get_token());
    apply_settings();
    balance(*context_);
    const auto event = co_await driver_.next();
    close(event.error());
    co_return reason_;
  }

  /// Closes the listeners, idle data channels, waiting visitors and control channel at once.
  void close(std::error_code reason) {
    if (ended_.stop_requested()) return;
    reason_ = reason;
    ended_.request_stop();
    listeners_.close();
    pool_timer_.disarm();
    loops_->close();
    for (auto& [id, waiting] : channels_) waiting->stream.close();
    stream_.close();
    const auto waiting = std::exchange(visitors_, {});
    for (const auto& [id, visitor] : waiting) refuse(visitor, reason);
  }

  /// Applies new settings of the server and of the service, whose name, kind and token are
  /// unchanged. Listeners that are kept, and the control channel, are not affected.
  void update(service_pointer next) {
    if (ended_.stop_requested()) return;
    service_ = std::move(next);
    pool_.set_limits(limits());
    machine_.set_heartbeat_interval(context_->settings->heartbeat_interval,
                                    context_->runtime().now());
    driver_.wake();
    apply_settings();
  }

  /// Closes the listeners whose ports `needed` names, unless their addresses are in `kept`. Returns
  /// whether there were any; `update` with the present settings opens them again. A UDP service has
  /// ports of its own, and is not affected.
  bool release(const address_list& kept, const address_list& needed) {
    return listeners_.release(kept, needed);
  }

  /// Closes the sockets of a UDP service at addresses that `next`, its new settings, does not name,
  /// on the thread that owns them. Must precede `update` of the services that may get these ports.
  static io::awaitable<void> release_udp(std::shared_ptr<control_session> self,
                                         service_pointer next) {
    if (!self->udp_ || self->ended_.stop_requested()) co_return;
    const auto udp = self->udp_;
    auto work = udp_service_type::release(udp, std::move(next));
    co_await io::run_on(udp->runtime().get_executor(), std::move(work));
  }

  /// Accepts a visitor of the service.
  void visitor_arrived(visitor_type visitor) {
    if (loops_->concerns(visitor.peer())) return loops_->visitor_arrived(std::move(visitor));
    queue_visitor(std::move(visitor));
  }

  /// Lets a visitor wait for a data channel. If memory runs out, only that visitor is reset.
  void queue_visitor(visitor_type visitor) {
    const protocol::visitor_id id = next_id_++;
    add_waiting(visitors_, id, waiting_visitor(std::move(visitor), context_->descriptors.use),
                [&] { pool_.visitor_arrived(id, context_->runtime().now()); });
    pump();
  }

  /// Closes idle data channels beyond the service's share of the descriptors; returns how many.
  std::size_t share_idle_channels() {
    const std::size_t before = pool_.idle();
    if (!ended_.stop_requested()) {
      pool_.set_limits(limits());
      pump();
    }
    return before - std::min(before, pool_.idle());
  }

  /// Resets the newest waiting visitor because of `cause`; returns whether there was one.
  bool refuse_newest(std::error_code cause) {
    const auto newest = udp_ ? std::nullopt : pool_.refuse_newest();
    if (!newest) return false;
    waiting_visitor& refused = visitors_.at(*newest);
    refused.cause = cause;
    refused.stream.abort();
    pump();
    return true;
  }

  /// Serves one data channel of the client, from its Hello to the end of its connection. A lack of
  /// memory before the connection is active ends the session, and the client starts another.
  static io::awaitable<void> run_data_channel(std::shared_ptr<control_session> self,
                                              stream_type channel) {
    try {
      const auto visitor_id = co_await self->wait_for_visitor(channel);
      if (!visitor_id) co_return;
      const bool is_udp = self->udp_ != nullptr;
      const auto started = co_await start_forward(*self->context_, channel, is_udp);
      if (is_udp) {
        co_await udp_slot_runner::run_channel(self, *visitor_id, started, std::move(channel));
        co_return;
      }
      auto visitor = self->release(*visitor_id, started);
      if (!visitor) co_return;
      auto carried = forward(self->context_, self->service_, std::move(*visitor),
                             std::move(channel), self->loops_);
      self.reset();
      co_await std::move(carried);
    } catch (const std::bad_alloc&) {
      if (self) self->close(out_of_memory());
    }
  }

 private:
  using udp_service_type = udp_service<Context>;
  friend udp_slot_runner;

  [[nodiscard]] protocol::pool_limits limits() const {
    return pool_limits_of(*service_, context_->descriptors.idle_share());
  }

  using waiting_visitor = server::waiting_visitor<visitor_type>;
  using waiting_channel = server::waiting_channel<stream_type>;

  /// Keeps an idle data channel until it gets a visitor; returns nothing if the channel ended
  /// before. The channel is closed if the client sends before it was asked to start.
  io::awaitable<std::optional<protocol::visitor_id>> wait_for_visitor(stream_type& channel) {
    const protocol::channel_id id = next_id_++;
    waiting_channel here(channel, context_->descriptors.use);
    if (ended_.stop_requested()) co_return std::nullopt;
    const typename waiting_channel::listing listed(channels_, id, here);
    pool_.channel_arrived(id);
    pump();
    if (!here.visitor) co_await channel.wait_readable();
    if (!here.visitor) {
      channel.close();
      pool_.channel_lost(id);
      pump();
    }
    co_return here.visitor;
  }

  /// Listens on the service's addresses, or adjusts the number of slots of a UDP service.
  void apply_settings() {
    if (!udp_) {
      listeners_.listen(this->shared_from_this(), service_->bind_addr);
    } else {
      const auto update_udp = [entry = udp_, service = service_] { entry->update(service); };
      asio::dispatch(udp_->runtime().get_executor(), update_udp);
      while (slots_.add(service_->pool.size)) add_slot();
    }
    pump();
  }

  /// Lets a slot of a UDP service wait for its data channel.
  void add_slot() { pool_.visitor_arrived(next_id_++, context_->runtime().now()); }

  /// Returns the visitor whose channel was started; nothing if it waits again or is gone.
  std::optional<visitor_type> release(protocol::visitor_id id, const result<void>& started) {
    const auto found = visitors_.find(id);
    if (found == visitors_.end()) return std::nullopt;
    if (!started) {
      found->second.cause = started.error();
      pool_.start_failed(id);
      pump();
      return std::nullopt;
    }
    pool_.started(id);
    std::optional<visitor_type> visitor(std::move(found->second.stream));
    visitors_.erase(found);
    return visitor;
  }

  /// Performs the actions of the pool. An observer may stop the server in the meantime. If memory
  /// runs out, the pool and the session may disagree, so the session ends.
  void pump() {
    const time_point now = context_->runtime().now();
    bool commanded = false;
    try {
      for (;;) {
        if (ended_.stop_requested()) return;
        const auto action = pool_.poll(now);
        if (!action) break;
        commanded |= std::holds_alternative<protocol::request_channel>(*action);
        std::visit([&](const auto& what) { perform(what, now); }, *action);
      }
    } catch (const std::bad_alloc&) {
      return close(out_of_memory());
    }
    if (commanded) driver_.wake();
    pool_timer_.arm(pool_.deadline());
  }

  void perform(const protocol::assign& what, time_point) {
    waiting_channel& chosen = *channels_.at(what.channel);
    chosen.visitor = what.visitor;
    chosen.stream.cancel_wait();
  }
  void perform(const protocol::request_channel&, time_point now) {
    machine_.request_data_channel(now);
  }
  void perform(const protocol::refuse& what, time_point) {
    if (udp_) return udp_slot_runner::replace_refused(this->shared_from_this());
    const auto gone = visitors_.extract(what.visitor);
    refuse(gone.mapped(), gone.mapped().cause);
  }
  void perform(const protocol::expire& what, time_point) {
    if (udp_) return add_slot();
    const auto gone = visitors_.extract(what.visitor);
    refuse(gone.mapped(), make_error_code(errc::timed_out));
  }
  void perform(const protocol::reject& what, time_point) { channels_.at(what.channel)->close(); }

  void refuse(const waiting_visitor& visitor, std::error_code cause) {
    context_->emit(visitor_refused{service_->name, visitor.stream.peer(), cause});
  }

  std::shared_ptr<Context> context_;
  service_pointer service_;
  service_listeners listeners_;
  stream_type stream_;
  machine_type machine_;
  io::machine_driver<machine_type, stream_type, typename Context::runtime_type> driver_;
  protocol::descriptor_lease held_;
  protocol::descriptor_lease is_counted_;
  protocol::channel_pool pool_;
  io::earliest_timer<typename Context::runtime_type> pool_timer_;
  const std::shared_ptr<loop_watch<control_session>> loops_;
  std::unordered_map<protocol::visitor_id, waiting_visitor> visitors_;
  typename waiting_channel::map channels_;
  /// The server's half of a UDP service; null for a TCP service.
  std::shared_ptr<udp_service_type> udp_;
  udp_slots slots_;
  std::uint64_t next_id_ = 0;
  std::stop_source ended_;
  std::error_code reason_;
};

}  // namespace rathole::server
