#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/earliest_timer.hpp>
#include <rathole/protocol/channel_requests.hpp>
#include <rathole/protocol/client_balancer.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/protocol/server_control.hpp>
#include <rathole/server/context.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/tcp_channels.hpp>
#include <rathole/server/udp_channels.hpp>
#include <rathole/transport/descriptors_of.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <stop_token>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::server_side {

/// The client that serves one service, from its authentication to the end of its control channel.
/// It runs the control channel; its part `tcp_channels` or `udp_channels`, each with a machine of its
/// own, deals with data channels. Active connections belong to the server and outlive the session.
template <class Context>
class control_session : public std::enable_shared_from_this<control_session<Context>> {
 public:
  /// The type of the server's context.
  using context_type = Context;
  /// The type of the stream of a control or data channel.
  using stream_type = typename Context::stream_type;
  /// The protocol machine of the control channel.
  using machine_type = protocol::server_control<typename Context::codec_type>;
  /// The settings of the service.
  using service_pointer = std::shared_ptr<const config::server_service>;

  /// Makes a session for the client at the other end of `stream`, authenticated by `machine`.
  control_session(std::shared_ptr<Context> context, service_pointer service, stream_type stream,
                  machine_type machine)
      : context_(std::move(context)),
        service_(std::move(service)),
        id_(context_->next_client++),
        stream_(std::move(stream)),
        machine_(std::move(machine)),
        driver_(context_->runtime(), stream_, machine_),
        is_multiplexed_(transport::is_multiplexed(stream_)),
        data_channels_(service_->pool.size),
        held_(context_->descriptors.use.fixed, descriptors()),
        is_counted_(context_->descriptors.use.services, transport::descriptors_of(stream_)),
        timer_(context_->runtime(),
               [this] { with_channels([](auto& channels) { channels.perform_actions(); }); }),
        channels_(make_channels(*this)) {}
  control_session(const control_session&) = delete;
  control_session& operator=(const control_session&) = delete;

  /// Returns the context of the server.
  [[nodiscard]] const std::shared_ptr<Context>& shared_context() const { return context_; }
  /// Returns the current settings of the service.
  [[nodiscard]] const service_pointer& service() const { return service_; }
  /// Returns the address of the client.
  [[nodiscard]] const address& peer() const { return stream_.peer(); }
  /// Returns how many descriptors end with the session, without those of a TCP service's listeners.
  [[nodiscard]] std::size_t descriptors_held() const { return held_.amount(); }
  /// Returns the number of the client, which no other one of the server has.
  [[nodiscard]] protocol::client_id id() const { return id_; }
  /// Returns the TCP service that the client serves; null if it is another kind, or has not started.
  [[nodiscard]] std::shared_ptr<tcp_service<Context>> tcp() const {
    const auto* const channels = std::get_if<tcp_channels<Context>>(&channels_);
    return channels ? channels->tcp() : nullptr;
  }
  /// Returns the UDP service that the client serves; null if it is another kind, or has not started.
  [[nodiscard]] std::shared_ptr<shared_udp_service<Context>> udp() const {
    const auto* const channels = std::get_if<udp_channels<Context>>(&channels_);
    return channels ? channels->udp() : nullptr;
  }
  /// Returns whether the client can serve the service beside the clients that serve it now.
  [[nodiscard]] bool can_join() const {
    return std::visit([](const auto& channels) { return channels.can_join(); }, channels_);
  }
  /// Returns how many visitors the client has, and whether new ones avoid it. Must not be called before it has
  /// started.
  [[nodiscard]] protocol::client_balancer::client_state state() const {
    return std::visit([](const auto& channels) { return channels.state(); }, channels_);
  }

  /// Serves the client until its connection ends or `close` is called; returns the reason.
  io::awaitable<std::error_code> run() {
    const auto close_all = [this] { close(make_error_code(errc::stopped)); };
    const std::stop_callback on_close(context_->closing.get_token(), close_all);
    if (has_ended()) co_return reason_;
    // The settings may have changed while the client authenticated.
    machine_.set_heartbeat_interval(context_->settings->heartbeat_interval, now());
    machine_.accept(now());
    with_channels([this](auto& channels) { channels.start(this->shared(channels)); });
    balance(*context_);
    const auto event = co_await driver_.next();
    close(event.error());
    co_return reason_;
  }

  /// Closes the listeners, idle data channels, waiting visitors and control channel at once.
  void close(std::error_code reason) {
    if (has_ended()) return;
    reason_ = reason;
    ended_.request_stop();
    timer_.disarm();
    stream_.close();
    with_channels([reason](auto& channels) { channels.end(reason); });
  }

  /// Applies new settings of the server and of the service, whose name, kind and token are
  /// unchanged. Listeners that are kept, and the control channel, are not affected.
  void update(service_pointer next) {
    if (has_ended()) return;
    service_ = std::move(next);
    hold_descriptors();
    machine_.set_heartbeat_interval(context_->settings->heartbeat_interval, now());
    driver_.wake();
    with_channels([this](auto& channels) { channels.apply_settings(this->shared(channels)); });
    // An observer may stop the server, which ends the session.
    const std::size_t wanted = service_->pool.size;
    if (service_->kind != config::service_kind::udp || data_channels_ == wanted) return;
    const data_channels_limited event{service_->name, peer(), wanted, data_channels_};
    context_->emit(event);
  }

  /// Serves one data channel of the client, from its Hello to the end of its connection. A lack of
  /// memory before the connection is active ends the session, and the client starts another.
  static io::awaitable<void> run_data_channel(std::shared_ptr<control_session> self,
                                              stream_type channel) {
    return self->with_channels(
        [&](auto& channels) { return channels.serve(self->shared(channels), std::move(channel)); });
  }

  /// Closes the listeners whose ports `needed` names, unless their addresses are in `kept`. Returns
  /// whether there were any; `update` with the present settings opens them again. A UDP service has
  /// ports of its own, and is not affected.
  bool close_conflicting(const address_list& kept, const address_list& needed) {
    return with_channels([&](auto& channels) { return channels.close_conflicting(kept, needed); });
  }

  /// Closes the sockets of a UDP service at addresses that `next`, its new settings, does not name,
  /// on the thread that owns them. Must precede `update` of the services that may get these ports.
  static io::awaitable<void> close_removed_udp(std::shared_ptr<control_session> self,
                                               service_pointer next) {
    return self->with_channels([&](auto& channels) {
      return channels.close_removed_sockets(self->shared(channels), std::move(next));
    });
  }

  /// Closes idle data channels beyond the service's share of the descriptors; returns how many.
  std::size_t share_idle_channels() {
    return with_channels([](auto& channels) { return channels.share_idle_channels(); });
  }

  /// Resets the newest waiting visitor because of `cause`; returns whether there was one.
  bool refuse_newest(std::error_code cause) {
    return with_channels([cause](auto& channels) { return channels.refuse_newest(cause); });
  }

  /// Returns the number of visitors that hold a descriptor and wait for a data channel.
  [[nodiscard]] std::size_t waiting_visitors() const {
    return std::visit([](const auto& channels) { return channels.waiting_visitors(); }, channels_);
  }

  /// Returns what waits for data channels, and what data channels wait for.
  [[nodiscard]] protocol::channel_counts counts() const {
    return std::visit([](const auto& channels) { return channels.counts(); }, channels_);
  }

  // What follows is for `tcp_channels` and `udp_channels`.

  /// Returns the time of the control plane.
  [[nodiscard]] time_point now() const { return context_->runtime().now(); }
  /// Returns how many data channels the client of a UDP service may have; see `admitted_channels`.
  [[nodiscard]] std::size_t data_channels() const { return data_channels_; }
  /// Returns whether the control channel is a multiplexed stream, and so the data channels are.
  [[nodiscard]] bool is_multiplexed() const { return is_multiplexed_; }
  /// Returns whether the session has ended.
  [[nodiscard]] bool has_ended() const { return ended_.stop_requested(); }
  /// Returns a token that is requested when the session ends.
  [[nodiscard]] std::stop_token ending() const { return ended_.get_token(); }

  /// Calls `perform` with each action of `decider`, a machine, until it has none, and sees to its
  /// deadline. If memory runs out, the machine and its owner may disagree, so the session ends. An
  /// observer that an action notifies may end it, too; the machine then knows.
  template <class Decider, class Perform>
  void perform_actions(Decider& decider, Perform perform) {
    try {
      while (const auto action = decider.poll(now())) perform(*action);
    } catch (const std::bad_alloc&) {
      return close(out_of_memory());
    }
    if (has_ended()) return;
    if (std::exchange(has_requested_, false)) driver_.wake();
    timer_.arm(decider.deadline());
  }

  /// Requests one more data channel from the client; an action of `perform_actions`.
  void request_data_channel() {
    machine_.request_data_channel(now());
    has_requested_ = true;
  }

 private:
  using channels_type = std::variant<tcp_channels<Context>, udp_channels<Context>>;

  /// Makes the part that deals with the data channels of the session's kind of service.
  static channels_type make_channels(control_session& self) {
    if (self.service_->kind == config::service_kind::udp) {
      return channels_type(std::in_place_type<udp_channels<Context>>, self);
    }
    return channels_type(std::in_place_type<tcp_channels<Context>>, self);
  }

  /// Calls `use` with the part that deals with data channels.
  template <class F>
  decltype(auto) with_channels(F use) {
    return std::visit(use, channels_);
  }

  /// Returns how many descriptors the session needs while it exists.
  [[nodiscard]] std::size_t descriptors() {
    return descriptors_of_session(*service_, transport::descriptors_of(stream_), data_channels_);
  }

  /// Counts what the session needs with new settings, as far as the budget allows.
  void hold_descriptors() {
    update_limit(*context_);
    const std::size_t left = context_->descriptors.fixed_left();
    data_channels_ = admitted_channels(*service_, transport::descriptors_of(stream_),
                                       held_.amount(), left, data_channels_);
    held_ = protocol::descriptor_lease(context_->descriptors.use.fixed, descriptors());
  }

  /// Returns a pointer to the part `channels` that shares the ownership of the session.
  template <class Channels>
  [[nodiscard]] std::shared_ptr<Channels> shared(Channels& channels) {
    return std::shared_ptr<Channels>(this->shared_from_this(), &channels);
  }

  const std::shared_ptr<Context> context_;
  service_pointer service_;
  const protocol::client_id id_;
  stream_type stream_;
  machine_type machine_;
  io::machine_driver<machine_type, stream_type, typename Context::runtime_type> driver_;
  const bool is_multiplexed_;
  std::size_t data_channels_;
  protocol::descriptor_lease held_;
  protocol::descriptor_lease is_counted_;
  io::earliest_timer<typename Context::runtime_type> timer_;
  bool has_requested_ = false;
  std::stop_source ended_;
  std::error_code reason_;
  /// The last member, because it uses the others from its beginning to its end.
  channels_type channels_;
};

}  // namespace rathole::server_side
