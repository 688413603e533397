#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/data_channel_runner.hpp>
#include <rathole/client/descriptors.hpp>
#include <rathole/client/dial_limits.hpp>
#include <rathole/client/dial_slot.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/local_targets.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/client/udp_service.hpp>
#include <rathole/core/attempt_pacer.hpp>
#include <rathole/core/no_descriptor.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/client_control.hpp>
#include <rathole/protocol/client_data.hpp>
#include <rathole/transport/descriptors_of.hpp>
#include <rathole/transport/towards.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::client_side {

/// Runs one control channel of a service, from dialling the server to the end of the connection,
/// together with its data channels that wait for a command. These end with it; active connections
/// continue.
template <class Context>
class control_channel : public std::enable_shared_from_this<control_channel<Context>> {
 public:
  /// The type of the streams of the transport.
  using stream_type = typename Context::stream_type;
  /// The type of the protocol's codec.
  using codec_type = typename Context::codec_type;
  /// The settings of the service, which another thread may replace.
  using service_settings = std::shared_ptr<const io::shared_value<config::client_service>>;

  /// Makes a channel to `server` that is not connected. `udp` is set only for a UDP service, and
  /// `receiver` only for a TCP service that the program itself serves; `targets` are the local
  /// addresses of another one. `may_hold` is called once the
  /// server has accepted the token; if it returns false, the channel closes as if it had not.
  control_channel(std::shared_ptr<Context> context, address server, service_settings service,
                  std::shared_ptr<udp_service<Context>> udp,
                  std::shared_ptr<stream_receiver> receiver, std::shared_ptr<local_targets> targets,
                  std::function<bool()> may_hold)
      : context_(std::move(context)),
        server_(std::move(server)),
        service_(std::move(service)),
        udp_(std::move(udp)),
        receiver_(std::move(receiver)),
        targets_(std::move(targets)),
        may_hold_(std::move(may_hold)),
        pacer_(data_channel_backoff(service_->load()->retry_interval)),
        dial_timer_(context_->runtime()) {}

  /// Returns whether the server has accepted the token.
  [[nodiscard]] bool established() const { return established_; }

  /// Closes the connection, and with it the data channels that wait.
  ///
  /// The connection ends first: a server that saw the end of a data channel before would request
  /// another one, and the reset in answer would hide that the end was orderly.
  void close() {
    const std::stop_source waiting = waiting_;
    connection_.request_stop();
    waiting.request_stop();
  }

  /// Dials the deferred data channels after descriptors were freed.
  void dial_deferred() { start_dials(); }

  /// Changes the heartbeat timeout; 0 means no limit.
  void set_heartbeat_timeout(duration timeout) {
    if (!machine_) return;
    machine_->set_heartbeat_timeout(timeout, context_->runtime().now());
    driver_->wake();
  }

  /// Runs until the connection ends; always returns the reason.
  io::awaitable<std::error_code> run() {
    const auto close_all = [this] { close(); };
    const std::stop_callback on_close(context_->closing.get_token(), close_all);
    result<void> ended = failure(out_of_memory());
    try {
      ended = co_await run_connection();
    } catch (const std::bad_alloc&) {
      ended = failure(out_of_memory());
    }
    machine_ = nullptr;
    waiting_.request_stop();
    requests_.clear();
    dial_timer_.disarm();
    co_return ended.error();
  }

 private:
  using runtime_type = typename Context::runtime_type;
  using transport_type = typename Context::transport_type;
  using control_machine = protocol::client_control<codec_type>;
  using slot_type = dial_slot<control_channel>;
  friend slot_type;
  friend data_channel_runner;
  using driver_type = io::machine_driver<control_machine, stream_type, runtime_type>;

  /// Dials the server and runs the protocol until the connection ends.
  io::task<void> run_connection() {
    runtime_type& runtime = context_->runtime();
    const auto settings = context_->settings.load();
    const step_deadline deadline(runtime.now(), settings->connect_timeout);
    // A multiplexed connection is usually there, or takes one descriptor for all services.
    std::size_t used = transport::Multiplexing<transport_type> ? 0 : 1;
    auto held = claim_control_channel(*context_, descriptors_for(used));
    if (!held) co_return failure(no_descriptor());
    auto transport = transport::towards(context_->transport, server_);
    auto stream = co_await transport.connect(server_, deadline, waiting_.get_token());
    if (!stream) co_return failure(stream.error());
    const auto close = [&stream] { stream->close(); };
    const std::stop_callback on_stop(connection_.get_token(), close);
    stream->set_nodelay(true);

    if (transport::descriptors_of(*stream) != used) {
      held.reset();
      used = transport::descriptors_of(*stream);
      held = claim_control_channel(*context_, descriptors_for(used));
      if (!held) co_return failure(no_descriptor());
    }
    const auto service = service_->load();
    // The settings may have changed during the dial.
    const auto latest = context_->settings.load();
    control_machine machine(protocol::service_digest(service->name), service->token,
                            latest->handshake_timeout, latest->heartbeat_timeout, runtime.now());
    driver_type driver(runtime, *stream, machine);
    machine_ = &machine;
    driver_ = &driver;
    for (;;) {
      const auto event = co_await driver.next();
      if (!event) co_return failure(event.error());
      switch (*event) {
        case protocol::client_control_event::established: {
          if (!may_hold_()) co_return failure(errc::stopped);
          established_ = true;
          session_key_ = machine.session_key();
          // The name may stand for several servers; only this one knows the session.
          remote_ = stream->peer();
          if constexpr (transport::Multiplexing<transport_type>) {
            context_->transport.authenticated(*stream);
          }
          const control_channel_established now_established{service->name, stream->peer(), server_};
          context_->emit(now_established);
          break;
        }
        case protocol::client_control_event::create_data_channel: add_request(); break;
        case protocol::client_control_event::heartbeat: break;
      }
    }
  }

  /// Returns how many descriptors the service needs if each channel uses `per_channel`: one for the
  /// control channel, and those for the data channels of a UDP service, which would be of no use
  /// without them.
  [[nodiscard]] std::size_t descriptors_for(std::size_t per_channel) const {
    return udp_ ? per_channel * (1 + claimed_udp_channels) : per_channel;
  }

  /// Records that the server requests one more data channel.
  void add_request() {
    if (requests_.size() >= max_deferred_dials) return;
    requests_.emplace(context_->runtime().now(), std::error_code());
    start_dials();
  }

  /// Dials for as many of the waiting requests as possible, and gives up those that are too old. If
  /// memory runs out, it tries again a little later.
  void start_dials() {
    // The machine may deliver requests after the channel was asked to end.
    if (waiting_.stop_requested()) return;
    const time_point now = context_->runtime().now();
    std::optional<time_point> next;
    try {
      next = dial(now);
    } catch (const std::bad_alloc&) {
      next = now + io::memory_pause;
    }
    if (!next) return dial_timer_.disarm();
    dial_timer_.arm(*next, [this] { start_dials(); });
  }

  /// Dials for the waiting requests once; returns when to call it again, if at all.
  std::optional<time_point> dial(time_point now) {
    while (!requests_.empty() && requests_.begin()->first + data_channel_dial_timeout <= now) {
      give_up(requests_.extract(requests_.begin()).mapped());
    }
    bool is_short = false;
    while (!requests_.empty() && has_room() && pacer_.ready_at() <= now) {
      is_short = !admits_dial(*context_, dials_);
      if (is_short) break;
      const auto slot =
          std::make_shared<slot_type>(this->shared_from_this(), context_->runtime().get_executor());
      auto work = data_channel_runner::run(slot, context_, udp_, receiver_ != nullptr);
      slot->begin(requests_.extract(requests_.begin()), pacer_.started(now), dials_,
                  context_->descriptors.use.idle);
      try {
        context_->group.spawn(std::move(work));
      } catch (const std::bad_alloc&) {
        put_back(*slot, out_of_memory());
        throw;
      }
    }
    if (requests_.empty()) return std::nullopt;
    const time_point given_up = requests_.begin()->first + data_channel_dial_timeout;
    if (is_short) return std::min(given_up, now + protocol::shortage_memory);
    return has_room() ? std::min(given_up, pacer_.ready_at()) : given_up;
  }

  /// Makes the request of an abandoned slot wait again, because of `failed`.
  void put_back(slot_type& slot, std::error_code failed) {
    slot.count_out();
    auto request = slot.take_request();
    request.mapped() = failed;
    requests_.insert(std::move(request));
  }

  /// Returns whether another data channel may be dialled.
  bool has_room() const {
    if (dials_ >= context_->settings.load()->max_dials) return false;
    if (receiver_ && !receiver_->has_room(dials_)) return false;
    return !udp_ || dials_ + udp_channels_ < max_udp_channels;
  }

  /// Records how the dial of a slot ended.
  void dialled(slot_type& slot, std::error_code failed) {
    if (!failed) {
      slot.take_request();
      slot.count_in(dials_, context_->descriptors.use.idle);
      dial_failure_.clear();
      pacer_.succeeded();
    } else {
      if (io::out_of_descriptors(failed)) descriptor_refused(context_);
      put_back(slot, failed);
      slot.release_owner();
      if (waiting_.stop_requested()) return requests_.clear();
      dial_failure_ = failed;
      auto rng = context_->runtime().rng();
      // The descriptor budget delays further dials until there are descriptors.
      if (!io::out_of_descriptors(failed)) {
        pacer_.failed(slot.round(), context_->runtime().now(), rng);
      }
    }
    start_dials();
  }

  /// Records that a data channel no longer waits, so that another may be dialled. One that carries
  /// datagrams from now on counts until it has ended.
  void wait_done(slot_type& slot, std::error_code failed) {
    slot.count_out();
    if (!failed && udp_) {
      const bool is_claimed = claimed_channels_ < claimed_udp_channels;
      slot.count_in(udp_channels_,
                    is_claimed ? claimed_channels_ : context_->descriptors.use.fixed);
    } else {
      slot.release_owner();
    }
    report_failure(failed);
    start_dials();
    client_side::dial_deferred(context_);
  }

  /// Records that a data channel that carried datagrams has ended.
  void channel_ended(slot_type& slot, std::error_code reason) {
    slot.count_out();
    report_failure(reason);
    start_dials();
  }

  /// Reports a request that is too old, whose own dial, if there was one, failed because of `failed`.
  /// One that never had its turn waited for others: for dials that failed, or for a limit.
  void give_up(std::error_code failed) {
    if (!failed) failed = dial_failure_;
    if (failed == errc::stopped) return;
    const bool in_dial = bool(failed);
    if (!failed) failed = errc::limit_reached;
    const data_channel_failed event{service_->load()->name, failed, server_, in_dial};
    context_->emit(event);
  }

  void report_failure(std::error_code failed) {
    if (!failed || failed == errc::stopped) return;
    const data_channel_failed event{service_->load()->name, failed, server_};
    context_->emit(event);
  }

  std::shared_ptr<Context> context_;
  /// The server, as the settings name it.
  const address server_;
  const service_settings service_;
  const std::shared_ptr<udp_service<Context>> udp_;
  const std::shared_ptr<stream_receiver> receiver_;
  const std::shared_ptr<local_targets> targets_;
  const std::function<bool()> may_hold_;
  /// The machine and its driver while the connection exists, otherwise null.
  control_machine* machine_ = nullptr;
  driver_type* driver_ = nullptr;
  /// Requested when the control channel ends; data channels that dial or wait then end too.
  std::stop_source waiting_;
  /// Requested when the connection must end.
  std::stop_source connection_;
  protocol::digest session_key_{};
  address remote_;
  /// The number of data channels that dial or wait for a command.
  std::size_t dials_ = 0;
  /// The number of data channels that carry datagrams.
  std::size_t udp_channels_ = 0;
  /// The number of those whose descriptors were claimed with that of the control channel.
  std::size_t claimed_channels_ = 0;
  /// The requests that are not being dialled.
  dial_requests requests_;
  attempt_pacer pacer_;
  /// Why the last dial of a data channel failed; empty if it did not.
  std::error_code dial_failure_;
  typename runtime_type::timer dial_timer_;
  bool established_ = false;
};

}  // namespace rathole::client_side
