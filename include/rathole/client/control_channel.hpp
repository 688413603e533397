#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/descriptors.hpp>
#include <rathole/client/dial_limits.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/forward.hpp>
#include <rathole/client/udp_forwarder.hpp>
#include <rathole/core/attempt_pacer.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/descriptor_limit.hpp>
#include <rathole/io/machine_driver.hpp>
#include <rathole/io/run_on.hpp>
#include <rathole/io/stop_action.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/client_control.hpp>
#include <rathole/protocol/data_channel.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::client {

/// One control channel of a service, from dialling the server to the end of the connection, with
/// the data channels that wait for a command. When it ends, those end with it; what is being
/// forwarded goes on.
template <class Context>
class control_channel : public std::enable_shared_from_this<control_channel<Context>> {
 public:
  using stream_type = typename Context::stream_type;
  using codec_type = typename Context::codec_type;
  using service_settings = std::shared_ptr<const io::published<config::client_service>>;

  /// `forwarder` is there for a UDP service only.
  control_channel(std::shared_ptr<Context> context, service_settings service,
                  std::shared_ptr<udp_forwarder<Context>> forwarder)
      : context_(std::move(context)),
        service_(std::move(service)),
        forwarder_(std::move(forwarder)),
        pacer_(data_channel_backoff(service_->load()->retry_interval)),
        dial_timer_(context_->runtime()) {}

  /// Whether the server accepted the token.
  [[nodiscard]] bool established() const { return established_; }

  /// Ends the connection, and with it the data channels that wait.
  void close() { waiting_.request_stop(); }

  /// Descriptors were freed: dials what was put off for want of them.
  void dial_deferred() { start_dials(); }

  /// How long the server may be silent from now on; 0 is for ever.
  void set_heartbeat_timeout(duration timeout) {
    if (!machine_) return;
    machine_->set_heartbeat_timeout(timeout, context_->runtime().now());
    driver_->wake();
  }

  /// Runs until the connection ends; always returns the reason.
  io::awaitable<std::error_code> run() {
    const auto close = [this] { waiting_.request_stop(); };
    const std::stop_callback on_close(context_->closing.get_token(), close);
    const auto ended = co_await serve();
    waiting_.request_stop();
    commands_.clear();
    dial_timer_.disarm();
    co_return ended.error();
  }

 private:
  using runtime_type = typename Context::runtime_type;
  using transport_type = typename Context::transport_type;
  using control_machine = protocol::client_control<codec_type>;
  using data_machine = protocol::client_data<codec_type>;
  using driver_type = io::machine_driver<control_machine, stream_type, runtime_type>;

  io::task<void> serve() {
    runtime_type& world = context_->runtime();
    const auto settings = context_->settings.load();
    const step_deadline deadline(world.now(), settings->connect_timeout);
    auto stream =
        co_await context_->transport.connect(settings->remote_addr, deadline, waiting_.get_token());
    if (!stream) co_return failure(stream.error());
    const auto close = [&stream] { stream->close(); };
    const std::stop_callback on_stop(waiting_.get_token(), close);
    stream->set_nodelay(true);

    const protocol::descriptor_lease held(context_->descriptors.use.fixed);
    const protocol::descriptor_lease counted(context_->descriptors.use.services);
    const auto service = service_->load();
    // The settings may have changed while it dialled.
    const auto latest = context_->settings.load();
    control_machine machine(protocol::service_digest(service->name), service->token,
                            latest->handshake_timeout, latest->heartbeat_timeout, world.now());
    driver_type driver(world, *stream, machine);
    machine_ = &machine;
    driver_ = &driver;
    for (;;) {
      const auto event = co_await driver.next();
      if (!event) {
        machine_ = nullptr;
        co_return failure(event.error());
      }
      switch (*event) {
        case protocol::client_control_event::established: {
          established_ = true;
          session_key_ = machine.session_key();
          // Behind the name may be several servers; only this one knows the session.
          remote_ = stream->peer();
          const control_channel_established told{service->name, stream->peer()};
          context_->tell(told);
          break;
        }
        case protocol::client_control_event::create_data_channel: command_dial(); break;
        case protocol::client_control_event::heartbeat: break;
      }
    }
  }

  /// The server wants one more data channel.
  void command_dial() {
    if (commands_.size() >= max_deferred_dials) return;
    commands_.emplace(context_->runtime().now(), errc::limit_reached);
    start_dials();
  }

  /// Dials for the commands that wait, as many as may be, and gives up those that are too old.
  void start_dials() {
    // Commands may lie in the machine when the channel is told to end.
    if (waiting_.stop_requested()) return;
    const time_point now = context_->runtime().now();
    while (!commands_.empty() && commands_.begin()->first + data_channel_give_up <= now) {
      tell_failure(commands_.extract(commands_.begin()).mapped());
    }
    bool is_short = false;
    while (!commands_.empty() && has_room() && pacer_.ready_at() <= now) {
      is_short = !admits_dial(*context_, dials_);
      if (is_short) break;
      const time_point since = commands_.begin()->first;
      commands_.erase(commands_.begin());
      ++dials_;
      ++context_->descriptors.use.idle;
      context_->group.spawn(run_data_channel(this->shared_from_this(), since, pacer_.started(now)));
    }
    if (commands_.empty()) return dial_timer_.disarm();
    time_point next = commands_.begin()->first + data_channel_give_up;
    if (is_short) {
      next = std::min(next, now + protocol::shortage_memory);
    } else if (has_room()) {
      next = std::min(next, pacer_.ready_at());
    }
    dial_timer_.arm(next, [this] { start_dials(); });
  }

  /// Whether another data channel may be dialled.
  bool has_room() const {
    if (dials_ >= context_->settings.load()->max_dials) return false;
    return !forwarder_ || dials_ + udp_channels_ < max_udp_channels;
  }

  /// A dial for a command of `since` came to an end.
  void dialled(time_point since, attempt_pacer::round round, std::error_code failed) {
    if (!failed) {
      pacer_.succeeded();
    } else {
      if (io::out_of_descriptors(failed)) descriptor_refused(context_);
      --dials_;
      --context_->descriptors.use.idle;
      if (waiting_.stop_requested()) return;
      auto rng = context_->runtime().rng();
      // The budget holds back further dials until there are descriptors.
      if (!io::out_of_descriptors(failed)) pacer_.failed(round, context_->runtime().now(), rng);
      commands_.emplace(since, failed);
    }
    start_dials();
  }

  /// A data channel no longer waits: another may be dialled. One that carries datagrams from now on
  /// counts until it has ended.
  void wait_done(std::error_code failed) {
    --dials_;
    --context_->descriptors.use.idle;
    if (!failed && forwarder_) {
      ++udp_channels_;
      ++context_->descriptors.use.fixed;
    }
    tell_failure(failed);
    start_dials();
    client::dial_deferred(context_);
  }

  void udp_channel_ended() {
    --udp_channels_;
    --context_->descriptors.use.fixed;
    start_dials();
  }

  void tell_failure(std::error_code failed) {
    if (!failed || failed == errc::stopped) return;
    const data_channel_failed event{service_->load()->name, failed};
    context_->tell(event);
  }

  static io::awaitable<void> run_data_channel(std::shared_ptr<control_channel> self,
                                              time_point since, attempt_pacer::round round) {
    const auto& forwarder = self->forwarder_;
    runtime_type world = forwarder ? forwarder->world() : self->context_->runtime().worker();
    auto transport = self->context_->transport.at(world);
    return io::run_on(world.get_executor(),
                      serve_data_channel(std::move(self), std::move(transport), since, round));
  }

  /// The life of a data channel, all of it in the world of `transport`.
  static io::awaitable<void> serve_data_channel(std::shared_ptr<control_channel> self,
                                                transport_type transport, time_point since,
                                                attempt_pacer::round round) {
    runtime_type world = transport.runtime();
    const auto context = self->context_;
    const step_deadline deadline(world.now(), context->settings.load()->connect_timeout);
    auto stream = co_await transport.connect(self->remote_, deadline, self->waiting_.get_token());
    const std::error_code refused = stream ? std::error_code() : stream.error();
    context->on_control_plane(
        [self, since, round, refused] { self->dialled(since, round, refused); });
    if (!stream) co_return;
    const auto started = co_await await_start(self, world, *stream);
    const auto service = self->service_->load();
    const auto forwarder = self->forwarder_;
    const auto ending = self->waiting_.get_token();
    auto udp_channel_of = started && forwarder ? self : nullptr;
    const std::error_code failed = started ? std::error_code() : started.error();
    // The forward may outlive the control channel, and needs nothing of it.
    context->on_control_plane([channel = std::move(self), failed] { channel->wait_done(failed); });
    if (!started) co_return;
    if (!forwarder) {
      co_await forward(context, service, world, std::move(*stream));
      client::dial_deferred(context);
      co_return;
    }
    const auto ended =
        co_await udp_forwarder<Context>::carry(forwarder, std::move(*stream), ending);
    context->on_control_plane(
        [context, service, owner = std::move(udp_channel_of), error = ended.error()] {
          owner->udp_channel_ended();
          if (error == errc::stopped) return;
          const data_channel_failed event{service->name, error};
          context->tell(event);
        });
  }

  /// Says Hello and waits until the server starts a visitor's traffic on `stream`. Of the control
  /// channel it uses what does not change any more.
  static io::task<void> await_start(std::shared_ptr<const control_channel> self,
                                    runtime_type& world, stream_type& stream) {
    // The server may just have started a visitor's traffic, who must not take it for finished.
    const auto abort = [&stream] { stream.abort(); };
    const io::stop_action on_stop(self->waiting_.get_token(), world.get_executor(), abort);
    data_machine machine(self->session_key_);
    io::machine_driver<data_machine, stream_type, runtime_type> driver(world, stream, machine);
    const auto command = co_await driver.next();
    if (!command) co_return failure(command.error());
    const auto expected = self->forwarder_ ? protocol::data_command::start_forward_udp
                                           : protocol::data_command::start_forward_tcp;
    if (*command != expected) {
      // Its visitor must not take the connection for one that ended in order.
      stream.abort();
      co_return failure(errc::unexpected_traffic);
    }
    co_return result<void>{};
  }

  std::shared_ptr<Context> context_;
  const service_settings service_;
  const std::shared_ptr<udp_forwarder<Context>> forwarder_;
  /// While the connection stands.
  control_machine* machine_ = nullptr;
  driver_type* driver_ = nullptr;
  /// Requested when the control channel ends: data channels that still dial or wait end too.
  std::stop_source waiting_;
  protocol::digest session_key_{};
  address remote_;
  /// Data channels that dial or wait for a command.
  std::size_t dials_ = 0;
  /// Those that carry datagrams.
  std::size_t udp_channels_ = 0;
  /// Commands for data channels that are not being dialled: since when, and why they were not.
  std::multimap<time_point, std::error_code> commands_;
  attempt_pacer pacer_;
  typename runtime_type::timer dial_timer_;
  bool established_ = false;
};

}  // namespace rathole::client
