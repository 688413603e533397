#pragma once

#include <rathole/client/descriptors.hpp>
#include <rathole/client/dial_slot.hpp>
#include <rathole/client/forward.hpp>
#include <rathole/client/hand_over.hpp>
#include <rathole/client/udp_service.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/protocol/client_data.hpp>
#include <rathole/transport/concepts.hpp>
#include <rathole/transport/descriptors_of.hpp>
#include <rathole/transport/socket_options.hpp>
#include <rathole/transport/towards.hpp>

#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::client_side {

/// Runs the data channels of a `control_channel`, each from its dial to its end.
struct data_channel_runner {
  /// Runs a data channel and then releases its slot, whatever ended it. `in_process` says that the
  /// program itself serves the visitor, on the control plane.
  template <class Channel, class Context>
  static io::awaitable<void> run(std::shared_ptr<dial_slot<Channel>> slot,
                                 std::shared_ptr<Context> context,
                                 std::shared_ptr<udp_service<Context>> udp, bool in_process) {
    auto runtime = context->runtime();
    if (udp) {
      runtime = udp->runtime();
    } else if (Context::transport_type::handshake_is_expensive && !in_process) {
      runtime = runtime.worker();
    }
    std::error_code ended = out_of_memory();
    try {
      auto transport = transport::towards(context->transport, slot->owner()->server_).at(runtime);
      auto served = connect_and_run(slot, slot->owner(), context, std::move(transport));
      ended = co_await io::run_on(runtime.get_executor(), std::move(served));
    } catch (const std::bad_alloc&) {
      ended = out_of_memory();
    }
    slot->report_ended(ended);
    if (!udp) client_side::dial_deferred(context);
  }

 private:
  /// Dials a data channel in the runtime of `transport` and runs it. Returns why it ended.
  template <class Channel, class Context>
  static io::awaitable<std::error_code> connect_and_run(
      std::shared_ptr<dial_slot<Channel>> slot, std::shared_ptr<Channel> owner,
      std::shared_ptr<Context> context, typename Context::transport_type transport) {
    auto runtime = transport.runtime();
    const auto settings = context->settings.load();
    const step_deadline deadline(runtime.now(), settings->connect_timeout);
    auto stream = co_await transport.connect(owner->remote_, deadline, owner->waiting_.get_token());
    const std::error_code refused = stream ? std::error_code() : stream.error();
    if (stream) slot->set_descriptors(transport::descriptors_of(*stream));
    slot->report_dialled(refused);
    if (!stream) co_return refused;
    if (!owner->udp_) stream->apply(transport::to_waiting_options(*settings));
    const auto started = co_await await_start(owner, runtime, *stream);
    const std::error_code failed = started ? std::error_code() : started.error();
    const auto service = owner->service_->load();
    const auto udp = owner->udp_;
    const auto receiver = owner->receiver_;
    const auto targets = owner->targets_;
    const auto ending = owner->waiting_.get_token();
    // An active connection may outlive the control channel, and does not use it.
    owner.reset();
    slot->report_wait_done(failed);
    if (!started) co_return failed;
    if constexpr (transport::Multiplexing<typename Context::transport_type>) {
      // The server has found the session that the channel names, which authenticates its connection.
      context->transport.authenticated(*stream);
    }
    if (receiver) {
      co_await hand_over(context, service, std::move(*stream), receiver);
      co_return failed;
    }
    if (!udp) {
      co_await forward(context, service, targets, runtime, std::move(*stream));
      co_return failed;
    }
    const auto ended = co_await udp_service<Context>::run_channel(udp, std::move(*stream), ending);
    co_return ended.error();
  }

  /// Sends Hello and waits until the server starts a visitor's traffic on `stream`. Of the control
  /// channel it uses only members that no longer change.
  template <class Channel, class Runtime>
  static io::task<void> await_start(std::shared_ptr<Channel> owner, Runtime& runtime,
                                    typename Channel::stream_type& stream) {
    using machine_type = protocol::client_data<typename Channel::codec_type>;
    // The server may just have started a visitor's traffic, which must not look complete to it.
    const auto abort = [&stream] { stream.abort(); };
    const io::stop_action on_stop(owner->waiting_.get_token(), runtime.get_executor(), abort);
    machine_type machine(owner->session_key_);
    io::machine_driver<machine_type, typename Channel::stream_type, Runtime> driver(runtime, stream,
                                                                                    machine);
    const auto command = co_await driver.next();
    if (!command) co_return failure(command.error());
    const auto expected = owner->udp_ ? protocol::data_command::start_forward_udp
                                      : protocol::data_command::start_forward_tcp;
    if (*command != expected) {
      // The visitor must not mistake the connection for one that ended in order.
      stream.abort();
      co_return failure(errc::unexpected_traffic);
    }
    co_return result<void>{};
  }
};

}  // namespace rathole::client_side
