#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/channel_requests.hpp>
#include <rathole/protocol/client_balancer.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/protocol/udp_slots.hpp>
#include <rathole/server/context.hpp>
#include <rathole/server/shared_udp_service.hpp>
#include <rathole/server/start_forward.hpp>
#include <rathole/server/udp_service.hpp>
#include <rathole/transport/descriptors_of.hpp>

#include <asio/dispatch.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// The data channels of the session of a UDP service: performs what `protocol::udp_slots` decides. The server's
/// half of the service, a `udp_service`, which has the sockets and the visitors, belongs to the sessions of all
/// its clients. It is a part of its `control_session`.
template <class Context>
class udp_channels {
 public:
  /// The type of the session.
  using session_type = control_session<Context>;
  /// The type of the stream of a data channel.
  using stream_type = typename Context::stream_type;

  /// Makes this part of `session`.
  explicit udp_channels(session_type& session) : session_(session) {}
  udp_channels(const udp_channels&) = delete;
  udp_channels& operator=(const udp_channels&) = delete;

  /// Returns the service, which other clients may serve too; null before `start`.
  [[nodiscard]] const std::shared_ptr<shared_udp_service<Context>>& udp() const { return udp_; }

  /// Returns whether the client can serve the service beside the clients that serve it now. A multiplexed one
  /// cannot if the service, which once had one client, lives on a worker.
  [[nodiscard]] bool can_join() const {
    const auto present = find_udp_service(context(), key());
    if (!present || !session_.is_multiplexed()) return true;
    return present->service()->runtime().get_executor() == context().runtime().get_executor();
  }

  /// Returns the state of the client; see `control_session::state`.
  [[nodiscard]] protocol::client_balancer::client_state state() const {
    const bool is_here =
        udp_ && udp_->service()->runtime().get_executor() == context().runtime().get_executor();
    if (!is_here) return {};
    return udp_->service()->channels().state_of(session_.id(), session_.now());
  }

  /// Serves one data channel of the client; see `control_session::run_data_channel`.
  static io::awaitable<void> serve(std::shared_ptr<udp_channels> self, stream_type channel) {
    // A multiplexed stream cannot follow a service to another thread.
    const bool is_stranger = transport::is_multiplexed(channel) && !self->session_.is_multiplexed();
    if (is_stranger) co_return;
    try {
      const auto slot = self->slots_.channel_arrived();
      self->perform_actions();
      if (slot) co_await self->run_slot(*slot, std::move(channel));
    } catch (const std::bad_alloc&) {
      self->session_.close(out_of_memory());
    }
  }

  /// Listens for visitors until the session ends, and requests the data channels.
  void start(const std::shared_ptr<udp_channels>& self) {
    auto shared = find_udp_service(context(), key());
    if (!shared) {
      auto service = std::make_shared<udp_service_type>(session_.shared_context(),
                                                        session_.service(), home_of(session_));
      shared = std::make_shared<shared_udp_service<Context>>(std::move(service));
    }
    shared->join();
    udp_ = std::move(shared);
    apply_settings(self);
  }

  /// Applies new settings of the service: its addresses, its bounds and the number of its slots.
  void apply_settings([[maybe_unused]] const std::shared_ptr<udp_channels>& self) {
    if (!udp_) return;
    const auto update = [udp = udp_->service(), service = session_.service()] {
      udp->update(service);
    };
    asio::dispatch(udp_->service()->runtime().get_executor(), update);
    slots_.set_size(session_.data_channels());
    perform_actions();
  }

  /// Gives up all slots, because the session has ended.
  void end([[maybe_unused]] std::error_code reason) {
    slots_.stop();
    if (udp_) udp_->leave();
  }

  /// Performs the actions of the slots.
  void perform_actions() {
    session_.perform_actions(
        slots_, [this](const protocol::request_channel&) { session_.request_data_channel(); });
  }

  /// Returns how many slots wait for data channels. No data channel is idle.
  [[nodiscard]] protocol::channel_counts counts() const { return slots_.counts(); }

  /// Returns 0, because waiting visitors of a UDP service hold no descriptors.
  [[nodiscard]] std::size_t waiting_visitors() const { return 0; }

  /// Returns false, because a UDP service has ports of its own.
  bool close_conflicting([[maybe_unused]] const address_list& kept,
                         [[maybe_unused]] const address_list& needed) {
    return false;
  }

  /// Closes sockets; see `control_session::close_removed_udp`.
  static io::awaitable<void> close_removed_sockets(
      std::shared_ptr<udp_channels> self, std::shared_ptr<const config::server_service> next) {
    if (self->session_.has_ended() || !self->udp_) co_return;
    const auto udp = self->udp_->service();
    auto work = udp_service_type::close_removed(udp, std::move(next));
    co_await io::run_on(udp->runtime().get_executor(), std::move(work));
  }

  /// Returns 0, because no data channel is idle.
  std::size_t share_idle_channels() { return 0; }

  /// Returns false, because no visitor waits.
  bool refuse_newest([[maybe_unused]] std::error_code cause) { return false; }

 private:
  using udp_service_type = udp_service<Context>;

  /// Returns the runtime of the service: that of the control plane, where multiplexed streams are, if the client
  /// has or another one may have such streams; otherwise a worker's.
  static typename Context::runtime_type home_of(session_type& session) {
    auto& runtime = session.shared_context()->runtime();
    const bool has_several = session.service()->on_conflict == config::conflict_policy::balance;
    return session.is_multiplexed() || has_several ? runtime : runtime.worker();
  }

  /// Returns the digest of the service.
  [[nodiscard]] protocol::digest key() const {
    return protocol::service_digest(session_.service()->name);
  }

  [[nodiscard]] Context& context() const { return *session_.shared_context(); }

  /// Starts the data channel of a slot, and carries datagrams on it until it ends.
  io::awaitable<void> run_slot(protocol::slot_id slot, stream_type channel) {
    const auto started = co_await start(channel);
    auto rng = context().runtime().rng();
    if (!started) {
      slots_.start_failed(slot, session_.now(), rng);
      perform_actions();
      co_return;
    }
    if (!slots_.started(slot)) co_return;
    const time_point began = session_.now();
    const auto udp = udp_->service();
    auto runtime = udp->runtime();
    if (runtime.get_executor() != context().runtime().get_executor()) {
      channel = channel.move_to(runtime);
    }
    auto work =
        udp_service_type::run_channel(udp, std::move(channel), session_.id(), session_.ending());
    co_await io::run_on(runtime.get_executor(), std::move(work));
    slots_.channel_lost(slot, session_.now(), session_.now() - began, rng);
    perform_actions();
  }

  /// Starts a data channel, which is closed if the session ends meanwhile.
  io::task<void> start(stream_type& channel) {
    const auto close = [&channel] { channel.close(); };
    const std::stop_callback on_end(session_.ending(), close);
    const auto started =
        co_await start_forward(context(), channel, protocol::data_command::start_forward_udp);
    if (started) channel.flush();
    co_return started;
  }

  session_type& session_;
  protocol::udp_slots slots_;
  std::shared_ptr<shared_udp_service<Context>> udp_;
};

}  // namespace rathole::server_side
