#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/control_channel.hpp>
#include <rathole/client/descriptors.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/in_process_udp_service.hpp>
#include <rathole/client/local_service.hpp>
#include <rathole/client/local_targets.hpp>
#include <rathole/client/local_udp_service.hpp>
#include <rathole/client/server_choice.hpp>
#include <rathole/client/service_retry.hpp>
#include <rathole/client/udp_service.hpp>
#include <rathole/client/uplink.hpp>
#include <rathole/config/diff.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/no_descriptor.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/run/shared_value.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/transport/concepts.hpp>

#include <asio/dispatch.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

namespace rathole::client_side {

/// Ends the client if it has given up all its services, on all servers.
template <class Context>
void end_if_given_up(Context& self) {
  const auto is_given_up = [](const auto& each) {
    const auto runner = each.second.lock();
    return runner && runner->has_given_up();
  };
  const auto is_all_given_up = [&](const auto& through) {
    return std::ranges::all_of(through->services, is_given_up);
  };
  if (!std::ranges::all_of(self.uplinks, is_all_given_up)) return;
  self.has_given_up = true;
  self.closing.request_stop();
}

/// Keeps a control channel for one service of an uplink until it is stopped or the client closes, and
/// does what a `service_retry` decides. It lives on the control plane.
template <class Context>
class service_runner : public std::enable_shared_from_this<service_runner<Context>> {
 public:
  /// Makes a runner that has not started.
  service_runner(std::shared_ptr<Context> context, std::shared_ptr<uplink<Context>> through,
                 config::client_service service)
      : context_(std::move(context)),
        uplink_(std::move(through)),
        service_(std::make_shared<io::shared_value<config::client_service>>(std::move(service))),
        receiver_(receiver_of(*context_, *service_->load())),
        retry_(service_->load()->retry_interval),
        wake_(context_->runtime().get_executor()) {
    retry_.set_max_retries(context_->settings.load()->max_retries);
    if (receiver_) receiver_->on_room(this, [this] { dial_deferred(); });
    const auto known = service_->load();
    if (known->kind == config::service_kind::tcp && !known->in_process) {
      local_ = local_service<Context>::of(context_, *known);
    }
  }
  service_runner(const service_runner&) = delete;
  service_runner& operator=(const service_runner&) = delete;
  /// Lets the receiver of the service forget the runner.
  ~service_runner() {
    if (receiver_) receiver_->forget_room(this);
  }

  /// Runs until it is stopped.
  static io::awaitable<void> run(std::shared_ptr<service_runner> self) {
    const auto stop = [&self] { self->stop(); };
    const std::stop_callback on_close(self->context_->closing.get_token(), stop);
    for (;;) {
      try {
        const finish end = co_await self->run_attempts();
        const auto service = self->service_->load();
        const control_channel_closed closed{service->name, end.was_established,
                                            self->attempt_server_};
        self->context_->emit(closed);
        co_return;
      } catch (const std::bad_alloc&) {
        self->channel_.reset();
        self->held_.reset();
        self->retry_.out_of_memory(self->context_->runtime().now(), io::memory_pause);
        // A wait may need memory, too.
        std::this_thread::yield();
      }
    }
  }

  /// Returns whether `next` may be passed to `update`.
  [[nodiscard]] bool serves(const config::client_service& next) const {
    return config::same_service(*service_->load(), next);
  }

  /// Applies new settings of the service, whose name, kind and token must be the old ones, and of the
  /// `client`. The control channel stays unless its server is no longer that of the uplink; an attempt
  /// that waits begins at once. If memory runs out, the next update completes this one.
  void update(const config::client_service& next, const config::client& client) {
    update_service(next);
    retry_.set_max_retries(client.max_retries);
    retry_.retry_now();
    wake_.notify();
    if (channel_) channel_->set_heartbeat_timeout(client.heartbeat_timeout);
    reconnect_if_moved();
  }

  /// Returns whether the service was given up.
  [[nodiscard]] bool has_given_up() const { return retry_.has_given_up(); }

  /// Re-establishes the control channel at once if it does not lead to the server of the uplink.
  void reconnect_if_moved() {
    if (!attempt_settings_ || attempt_server_ == uplink_->choice.current()) return;
    if (retry_.has_given_up()) return;
    retry_.reconnect();
    close_unwanted();
  }

  /// Dials the data channels that were deferred for lack of descriptors.
  void dial_deferred() {
    if (channel_) channel_->dial_deferred();
  }

  /// Closes the control channel and ends the runner. Active connections continue.
  void stop() {
    stopping_.request_stop();
    retry_.stop();
    close_unwanted();
  }

 private:
  using channel_type = control_channel<Context>;

  static std::shared_ptr<stream_receiver> receiver_of(const Context& context,
                                                      const config::client_service& service) {
    const auto found = context.receivers.find(service.name);
    if (!service.in_process || found == context.receivers.end()) return nullptr;
    return found->second;
  }

  void update_service(config::client_service next) {
    const auto before = service_->load();
    if (*before != next) {
      if (before->retry_interval != next.retry_interval) {
        retry_.set_retry_interval(next.retry_interval);
      }
      if (local_) local_->update(next);
      service_->store(std::move(next));
      is_udp_updated_ = false;
    }
    if (!udp_ || is_udp_updated_) return;
    const auto update_udp_service = [udp = udp_, service = service_->load()] {
      udp->update(service);
    };
    asio::dispatch(udp_->runtime().get_executor(), update_udp_service);
    is_udp_updated_ = true;
  }

  [[nodiscard]] std::shared_ptr<local_targets> targets() const {
    return local_ ? local_->targets() : nullptr;
  }

  void close_unwanted() {
    if (channel_ && retry_.is_attempt_unwanted()) {
      held_.reset();
      channel_->close();
    }
    wake_.notify();
  }

  /// Holds the service on the server that has accepted it; returns false if the services belong on
  /// another one. The first service that is held decides for those that still try.
  bool hold() {
    if (retry_.is_attempt_unwanted()) return false;
    auto& choice = uplink_->choice;
    const bool is_first = !choice.is_holding();
    if (!choice.accepted(attempt_server_)) {
      retry_.reconnect();
      return false;
    }
    held_.emplace(choice);
    if (is_first && choice.servers().size() > 1) gather();
    return true;
  }

  /// Lets all services of the uplink come to its server.
  void gather() {
    for (const auto& [name, known] : uplink_->services) {
      if (const auto runner = known.lock()) runner->reconnect_if_moved();
    }
    if constexpr (transport::Multiplexing<typename Context::transport_type>) {
      for (const address& each : uplink_->choice.servers()) {
        if (each != attempt_server_) context_->transport.leave(each);
      }
    }
  }

  void start_udp_service() {
    const auto service = service_->load();
    if (udp_ || service->kind != config::service_kind::udp) return;
    auto& home = context_->runtime();
    const auto made = make_udp_service(service);
    const auto work = [made, stop = stopping_.get_token()] {
      return io::run_on(made->runtime().get_executor(), udp_service<Context>::run(made, stop));
    };
    // If memory runs out, it is started again even after `stop`, to close what it opened.
    context_->group.spawn(io::retry_on_bad_alloc(home, std::stop_token(), work));
    udp_ = made;
    // Only visitors with sockets share descriptors.
    if (service->in_process) return;
    udp_counted_.emplace(context_->descriptors.use.udp_services);
    count_descriptors(*context_);
  }

  std::shared_ptr<udp_service<Context>> make_udp_service(
      const std::shared_ptr<const config::client_service>& service) {
    if (service->in_process) {
      return std::make_shared<in_process_udp_service<Context>>(context_, service);
    }
    return std::make_shared<local_udp_service<Context>>(context_, service,
                                                        context_->data_runtime());
  }

  /// Does what `retry_` wants done until the service is stopped.
  io::awaitable<finish> run_attempts() {
    auto& runtime = context_->runtime();
    for (;;) {
      while (const auto action = retry_.poll(runtime.now())) {
        if (const auto* const end = std::get_if<finish>(&*action)) co_return *end;
        if (const auto* const failure = std::get_if<report_failure>(&*action)) {
          report(*failure);
        } else {
          co_await attempt();
        }
      }
      if (const auto next_attempt = retry_.deadline()) {
        co_await io::sleep_until(runtime, *next_attempt, wake_);
      } else {
        assert(retry_.has_given_up());
        end_if_given_up(*context_);
        co_await wake_.wait();
      }
    }
  }

  /// Runs one control channel from its start to its end.
  io::awaitable<void> attempt() {
    start_udp_service();
    attempt_settings_ = context_->settings.load();
    attempt_server_ = uplink_->choice.current();
    const auto service = service_->load();
    const time_point began = context_->runtime().now();
    const control_channel_starting starting{service->name, attempt_server_};
    context_->emit(starting);
    std::error_code reason = errc::stopped;
    bool was_established = false;
    // The observer may have stopped the service.
    if (!retry_.is_attempt_unwanted()) {
      const auto may_hold = [this] { return hold(); };
      channel_ = std::make_shared<channel_type>(context_, attempt_server_, service_, udp_,
                                                receiver_, targets(), may_hold);
      reason = co_await channel_->run();
      was_established = channel_->established();
      channel_.reset();
    }
    held_.reset();
    auto& choice = uplink_->choice;
    const time_point now = context_->runtime().now();
    if (!retry_.is_attempt_unwanted()) {
      if (was_established) {
        choice.broke(attempt_server_, now - began);
      } else if (reason != no_descriptor()) {
        // The server is not to blame for a lack of descriptors.
        choice.failed(attempt_server_);
      }
    }
    // After a server that accepts and then breaks there is a pause: all of them may be such.
    const bool follows_at_once = choice.current() != attempt_server_ && !was_established;
    auto rng = context_->runtime().rng();
    retry_.attempt_ended(now, reason, was_established, rng,
                         follows_at_once ? choice.servers().size() - 1 : 0);
  }

  void report(const report_failure& failure) {
    const auto service = service_->load();
    // The observer may change the settings.
    const address next = uplink_->choice.current();
    const control_channel_failed failed{
        service->name,        attempt_server_,         failure.reason,
        failure.pause,        failure.was_established, *attempt_settings_,
        failure.is_displaced, failure.gives_up,        next};
    context_->emit(failed);
  }

  const std::shared_ptr<Context> context_;
  const std::shared_ptr<uplink<Context>> uplink_;
  const std::shared_ptr<io::shared_value<config::client_service>> service_;
  /// What takes the visitors of a service that the program itself serves; otherwise null.
  const std::shared_ptr<stream_receiver> receiver_;
  /// The local addresses of a TCP service; null for one that the program itself serves.
  std::shared_ptr<local_service<Context>> local_;
  /// The part of a UDP service that all its control channels share.
  std::shared_ptr<udp_service<Context>> udp_;
  /// Counts the service among the UDP services that share descriptors.
  std::optional<protocol::descriptor_lease> udp_counted_;
  /// Whether `udp_` has the settings of `service_`.
  bool is_udp_updated_ = true;
  /// The attempt in progress, if any.
  std::shared_ptr<channel_type> channel_;
  /// The client's settings when the last attempt began.
  std::shared_ptr<const config::client> attempt_settings_;
  /// The server of the last attempt.
  address attempt_server_;
  /// Counts the service among those that are held on the server of the uplink.
  std::optional<server_choice::hold> held_;
  service_retry retry_;
  io::event wake_;
  std::stop_source stopping_;
};

}  // namespace rathole::client_side
