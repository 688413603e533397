#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/forward.hpp>
#include <rathole/client/udp_forwarder.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/machine_driver.hpp>
#include <rathole/io/run_on.hpp>
#include <rathole/io/stop_action.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/client_control.hpp>
#include <rathole/protocol/data_channel.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::client {

/// How long a commanded data channel is tried before it is given up (Compat: upstream's).
inline constexpr std::chrono::seconds data_channel_give_up{10};

/// Commands for data channels that are remembered while `max_dials` are busy. What a server
/// commands beyond that is dropped; it commands again what does not come.
inline constexpr std::size_t max_deferred_dials = 4096;

/// How the attempts to open a data channel are spaced (Compat: upstream's).
inline constexpr backoff_parameters data_channel_backoff{std::chrono::milliseconds(500), 0.5, 1.5,
                                                         std::chrono::milliseconds(100)};

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
        forwarder_(std::move(forwarder)) {}

  /// Whether the server accepted the token.
  [[nodiscard]] bool established() const { return established_; }

  /// Ends the connection, and with it the data channels that wait.
  void close() { waiting_.request_stop(); }

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
    auto stream = co_await context_->transport.connect(
        settings->remote_addr, world.now() + settings->connect_timeout, waiting_.get_token());
    if (!stream) co_return failure(stream.error());
    const auto close = [&stream] { stream->close(); };
    const std::stop_callback on_stop(waiting_.get_token(), close);
    stream->set_nodelay(true);

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

  void command_dial() {
    // Commands may lie in the machine when the channel is told to end.
    if (waiting_.stop_requested()) return;
    if (dials_ >= context_->settings.load()->max_dials) {
      deferred_ = std::min(deferred_ + 1, max_deferred_dials);
      return;
    }
    ++dials_;
    context_->group.spawn(run_data_channel(this->shared_from_this()));
  }

  /// A data channel no longer dials or waits: another may.
  void dial_done() {
    --dials_;
    if (deferred_ == 0) return;
    --deferred_;
    command_dial();
  }

  static io::awaitable<void> run_data_channel(std::shared_ptr<control_channel> self) {
    const auto& forwarder = self->forwarder_;
    runtime_type world = forwarder ? forwarder->world() : self->context_->runtime().worker();
    auto transport = self->context_->transport.at(world);
    return io::run_on(world.get_executor(),
                      serve_data_channel(std::move(self), std::move(transport)));
  }

  /// The life of a data channel, all of it in the world of `transport`.
  static io::awaitable<void> serve_data_channel(std::shared_ptr<control_channel> self,
                                                transport_type transport) {
    runtime_type world = transport.runtime();
    auto stream = co_await open_data_channel(self, transport);
    const auto context = self->context_;
    const auto service = self->service_->load();
    const auto forwarder = self->forwarder_;
    const auto ending = self->waiting_.get_token();
    const std::error_code failed = stream ? std::error_code() : stream.error();
    // The forward may outlive the control channel, and needs nothing of it.
    context->on_control_plane([channel = std::move(self), failed] {
      channel->dial_done();
      if (!failed || failed == errc::stopped) return;
      const data_channel_failed event{channel->service_->load()->name, failed};
      channel->context_->tell(event);
    });
    if (!stream) co_return;
    if (!forwarder) {
      co_await forward(context, service, world, std::move(*stream));
      co_return;
    }
    const auto ended =
        co_await udp_forwarder<Context>::carry(forwarder, std::move(*stream), ending);
    context->on_control_plane([context, service, error = ended.error()] {
      if (error == errc::stopped) return;
      const data_channel_failed event{service->name, error};
      context->tell(event);
    });
  }

  /// Dials, says Hello and waits until the server starts a visitor's traffic. Of the control channel it uses what does not change any more.
  static io::task<stream_type> open_data_channel(std::shared_ptr<const control_channel> self,
                                                 transport_type& transport) {
    runtime_type& world = transport.runtime();
    auto stream = co_await dial(*self, transport);
    if (!stream) co_return failure(stream.error());
    // The server may just have started a visitor's traffic, who must not take it for finished.
    const auto abort = [&stream] { stream->abort(); };
    const io::stop_action on_stop(self->waiting_.get_token(), world.get_executor(), abort);
    data_machine machine(self->session_key_);
    io::machine_driver<data_machine, stream_type, runtime_type> driver(world, *stream, machine);
    const auto command = co_await driver.next();
    if (!command) co_return failure(command.error());
    const auto expected = self->forwarder_ ? protocol::data_command::start_forward_udp
                                           : protocol::data_command::start_forward_tcp;
    if (*command != expected) co_return failure(errc::unexpected_traffic);
    co_return std::move(*stream);
  }

  static io::task<stream_type> dial(const control_channel& self, transport_type& transport) {
    runtime_type& world = transport.runtime();
    const auto stopping = self.waiting_.get_token();
    const duration timeout = self.context_->settings.load()->connect_timeout;
    const auto give_up = world.now() + data_channel_give_up;
    backoff retry(data_channel_backoff);
    for (;;) {
      const auto deadline = std::min(give_up, world.now() + timeout);
      auto stream = co_await transport.connect(self.remote_, deadline, stopping);
      if (stream) co_return std::move(*stream);
      auto rng = world.rng();
      const auto next = world.now() + retry.next(rng);
      if (stopping.stop_requested() || next >= give_up) co_return failure(stream.error());
      io::event wake(world.get_executor());
      const auto stop = [&wake] { wake.notify(); };
      const io::stop_action on_stop(stopping, world.get_executor(), stop);
      co_await io::sleep_until(world, next, wake);
    }
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
  std::size_t dials_ = 0;
  std::size_t deferred_ = 0;
  bool established_ = false;
};

}  // namespace rathole::client
