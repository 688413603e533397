#pragma once

#include <rathole/client/descriptors.hpp>
#include <rathole/client/dial_place.hpp>
#include <rathole/client/forward.hpp>
#include <rathole/client/udp_forwarder.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/guard_memory.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/machine_driver.hpp>
#include <rathole/io/run_on.hpp>
#include <rathole/io/stop_action.hpp>
#include <rathole/protocol/data_channel.hpp>

#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::client {

/// What a data channel of a `control_channel` does, from the dial to the end of its use.
struct data_channel_life {
  /// The life of a data channel as the control plane sees it: its place is given back whatever ends it.
  template <class Channel, class Context>
  static io::awaitable<void> run(std::shared_ptr<dial_place<Channel>> place,
                                 std::shared_ptr<Context> context,
                                 std::shared_ptr<udp_forwarder<Context>> forwarder) {
    auto world = forwarder ? forwarder->world() : context->runtime().worker();
    std::error_code ended = out_of_memory();
    try {
      auto transport = context->transport.at(world);
      auto served = serve(place, place->owner(), context, std::move(transport));
      ended = co_await io::run_on(world.get_executor(), std::move(served));
    } catch (const std::bad_alloc&) {
      ended = out_of_memory();
    }
    place->report_ended(ended);
    if (!forwarder) client::dial_deferred(context);
  }

 private:
  /// What is done in the world of `transport`. Returns why it ended.
  template <class Channel, class Context>
  static io::awaitable<std::error_code> serve(std::shared_ptr<dial_place<Channel>> place,
                                              std::shared_ptr<Channel> owner,
                                              std::shared_ptr<Context> context,
                                              typename Context::transport_type transport) {
    auto world = transport.runtime();
    const step_deadline deadline(world.now(), context->settings.load()->connect_timeout);
    auto stream = co_await transport.connect(owner->remote_, deadline, owner->waiting_.get_token());
    const std::error_code refused = stream ? std::error_code() : stream.error();
    place->report_dialled(refused);
    if (!stream) co_return refused;
    const auto started = co_await await_start(owner, world, *stream);
    const std::error_code failed = started ? std::error_code() : started.error();
    const auto service = owner->service_->load();
    const auto forwarder = owner->forwarder_;
    const auto ending = owner->waiting_.get_token();
    // The forward may outlive the control channel, and needs nothing of it.
    owner.reset();
    place->report_wait_done(failed);
    if (!started) co_return failed;
    if (!forwarder) {
      co_await forward(context, service, world, std::move(*stream));
      co_return failed;
    }
    const auto ended =
        co_await udp_forwarder<Context>::carry(forwarder, std::move(*stream), ending);
    co_return ended.error();
  }

  /// Says Hello and waits until the server starts a visitor's traffic on `stream`. Of the control
  /// channel it uses what does not change any more.
  template <class Channel, class World>
  static io::task<void> await_start(std::shared_ptr<Channel> owner, World& world,
                                    typename Channel::stream_type& stream) {
    using machine_type = protocol::client_data<typename Channel::codec_type>;
    // The server may just have started a visitor's traffic, who must not take it for finished.
    const auto abort = [&stream] { stream.abort(); };
    const io::stop_action on_stop(owner->waiting_.get_token(), world.get_executor(), abort);
    machine_type machine(owner->session_key_);
    io::machine_driver<machine_type, typename Channel::stream_type, World> driver(world, stream,
                                                                                  machine);
    const auto command = co_await driver.next();
    if (!command) co_return failure(command.error());
    const auto expected = owner->forwarder_ ? protocol::data_command::start_forward_udp
                                            : protocol::data_command::start_forward_tcp;
    if (*command != expected) {
      // Its visitor must not take the connection for one that ended in order.
      stream.abort();
      co_return failure(errc::unexpected_traffic);
    }
    co_return result<void>{};
  }
};

}  // namespace rathole::client
