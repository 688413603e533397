#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/control_channel.hpp>
#include <rathole/client/descriptors.hpp>
#include <rathole/client/displacement_detector.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/udp_service.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/run/shared_value.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/transport/socket_options.hpp>

#include <asio/dispatch.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace rathole::client {

/// The time that an attempt must last to reset the backoff. Compat: upstream's value.
inline constexpr std::chrono::seconds stable_after{3};

/// Returns how attempts to reach the server are spaced. Compat: upstream's values.
inline backoff_parameters control_backoff(duration retry_interval) {
  return {std::chrono::milliseconds(500), 0.2, 3.0, retry_interval};
}

/// The shortest pause between attempts, whatever the settings say.
inline constexpr std::chrono::milliseconds shortest_retry{100};

/// Keeps a control channel for one service until it is stopped or the client closes. It lives on
/// the control plane.
template <class Context>
class service_runner : public std::enable_shared_from_this<service_runner<Context>> {
 public:
  /// Makes a runner that has not started.
  service_runner(std::shared_ptr<Context> context, config::client_service service)
      : context_(std::move(context)),
        service_(std::make_shared<io::shared_value<config::client_service>>(std::move(service))),
        retry_(backoff_for(*service_->load())),
        wake_(context_->runtime().get_executor()) {}

  /// Runs until it is stopped.
  static io::awaitable<void> run(std::shared_ptr<service_runner> self) {
    const auto stop = [&self] { self->stop(); };
    const std::stop_callback on_close(self->context_->closing.get_token(), stop);
    for (;;) {
      if (self->stopping_.stop_requested()) break;
      try {
        self->start_udp_service();
        co_await self->keep_control_channel();
        continue;
      } catch (const std::bad_alloc&) {
        self->channel_.reset();
        self->pausing_ = false;
      }
      try {
        co_await io::pause(self->context_->runtime(), io::memory_pause,
                           self->stopping_.get_token());
      } catch (const std::bad_alloc&) {
        std::this_thread::yield();
      }
    }
    const auto service = self->service_->load();
    const control_channel_closed closed{service->name, self->was_established_};
    self->context_->emit(closed);
  }

  /// Returns whether `next` may be passed to `update`.
  [[nodiscard]] bool serves(const config::client_service& next) const {
    const auto service = service_->load();
    return service->kind == next.kind && service->token == next.token;
  }

  /// Applies new settings, whose name, kind and token must be the old ones; the control channel
  /// stays. If memory runs out, the next update completes this one.
  void update(config::client_service next) {
    const auto before = service_->load();
    if (*before != next) {
      if (before->retry_interval != next.retry_interval) retry_ = backoff(backoff_for(next));
      service_->store(std::move(next));
      is_forwarder_updated_ = false;
    }
    if (!udp_ || is_forwarder_updated_) return;
    const auto update_udp_service = [udp = udp_, service = service_->load()] {
      udp->update(service);
    };
    asio::dispatch(udp_->runtime().get_executor(), update_udp_service);
    is_forwarder_updated_ = true;
  }

  /// Ends the pause between two attempts, if there is one, because the cause of the last failure
  /// may have been corrected. If an attempt is in progress, no pause follows its failure: the
  /// attempt began before the correction.
  void try_now() {
    retry_.reset();
    displacement_.reset();
    is_outdated_ = channel_ != nullptr;
    end_pause();
  }

  /// Re-establishes the control channel at once if it does not lead to `remote`.
  void redirect(const address& remote) {
    if (channel_ && remote_ != remote) reconnect();
  }

  /// Re-establishes the control channel at once.
  void reconnect() {
    retry_.reset();
    displacement_.reset();
    skip_pause_ = channel_ != nullptr;
    if (channel_) channel_->close();
    end_pause();
  }

  /// Dials the data channels that were deferred for lack of descriptors.
  void dial_deferred() {
    if (channel_) channel_->dial_deferred();
  }

  /// Changes the heartbeat timeout; 0 means no limit.
  void set_heartbeat_timeout(duration timeout) {
    if (channel_) channel_->set_heartbeat_timeout(timeout);
  }

  /// Closes the control channel and ends the runner. Active connections continue.
  void stop() {
    stopping_.request_stop();
    if (channel_) channel_->close();
    end_pause();
  }

 private:
  using channel_type = control_channel<Context>;

  static backoff_parameters backoff_for(const config::client_service& service) {
    return control_backoff(std::max<duration>(service.retry_interval, shortest_retry));
  }

  void end_pause() {
    if (pausing_) wake_.notify();
  }

  void start_udp_service() {
    const auto service = service_->load();
    if (udp_ || service->kind != config::service_kind::udp) return;
    using forwarder_type = udp_service<Context>;
    auto& home = context_->runtime();
    const auto made = std::make_shared<forwarder_type>(context_, service, home.worker());
    const auto work = [made, stop = stopping_.get_token()] {
      return io::run_on(made->runtime().get_executor(), forwarder_type::run(made, stop));
    };
    // If memory runs out, it is started again even after `stop`, to close what it opened.
    context_->group.spawn(io::retry_on_bad_alloc(home, std::stop_token(), work));
    udp_ = made;
    udp_counted_.emplace(context_->descriptors.use.udp_services);
    count_descriptors(*context_);
  }

  /// Makes one attempt, and waits for the pause after it.
  io::awaitable<void> keep_control_channel() {
    auto& runtime = context_->runtime();
    const time_point began = runtime.now();
    const auto settings = context_->settings.load();
    const auto service = service_->load();
    const control_channel_starting starting{service->name, settings->remote_addr};
    context_->emit(starting);
    // The observer may have stopped the service.
    if (stopping_.stop_requested()) co_return;
    channel_ = std::make_shared<channel_type>(context_, service_, udp_);
    remote_ = settings->remote_addr;
    const std::error_code reason = co_await channel_->run();
    const bool was_established = channel_->established();
    channel_.reset();
    was_established_ = was_established;
    const duration lasted = runtime.now() - began;
    const bool is_outdated = std::exchange(is_outdated_, false) && !was_established;
    const bool is_skipped = std::exchange(skip_pause_, false) || is_outdated;
    if (stopping_.stop_requested()) co_return;
    if (was_established) {
      displacement_.note(reason, lasted);
    } else {
      displacement_.note_failed_attempt();
    }
    const duration pause =
        is_skipped ? duration::zero() : pause_after(reason, lasted, was_established);
    const control_channel_failed failed{service->name,
                                        settings->remote_addr,
                                        reason,
                                        pause,
                                        was_established,
                                        *settings,
                                        was_established && displacement_.is_recurring()};
    // The observer may end the pause in response to the event.
    pausing_ = !is_skipped;
    context_->emit(failed);
    was_established_ = false;
    if (!is_skipped) co_await io::sleep_until(runtime, runtime.now() + pause, wake_);
    pausing_ = false;
  }

  duration pause_after(std::error_code reason, duration lasted, bool was_established) {
    auto rng = context_->runtime().rng();
    if (was_established && displacement_.is_recurring()) return displacement_.pause(rng);
    // A user must change something first, perhaps only on the server, which cannot notify the
    // client. The pauses grow, but no further than after any other failure.
    const bool is_refused =
        reason == errc::service_not_exist || reason == errc::authentication_failed;
    if (is_refused) return retry_.next(rng);
    // The channel was established, and the heartbeat timeout was a long enough pause.
    const bool timed_out = reason == errc::heartbeat_timed_out;
    if (timed_out || lasted > stable_after) retry_.reset();
    return timed_out ? shortest_retry : retry_.next(rng);
  }

  const std::shared_ptr<Context> context_;
  const std::shared_ptr<io::shared_value<config::client_service>> service_;
  /// The part of a UDP service that all its control channels share.
  std::shared_ptr<udp_service<Context>> udp_;
  /// Counts the forwarder among the UDP services that share descriptors.
  std::optional<protocol::descriptor_lease> udp_counted_;
  /// Whether the forwarder has the settings of `service_`.
  bool is_forwarder_updated_ = true;
  std::shared_ptr<channel_type> channel_;
  /// The server's address in the settings with which the channel was started.
  address remote_;
  backoff retry_;
  displacement_detector displacement_;
  io::event wake_;
  std::stop_source stopping_;
  bool pausing_ = false;
  /// Whether the last channel was established when the service was stopped.
  bool was_established_ = false;
  /// Whether the channel was closed to be replaced at once.
  bool skip_pause_ = false;
  /// Whether `try_now` was called after the current attempt began.
  bool is_outdated_ = false;
};

/// Starts to serve a service.
template <class Context>
void start_service(const std::shared_ptr<Context>& self, const config::client_service& service) {
  const auto runner = std::make_shared<service_runner<Context>>(self, service);
  self->services[service.name] = runner;
  self->group.spawn(service_runner<Context>::run(runner));
}

/// Applies new settings; see `basic_client::update`. Services that wait between two attempts try at
/// once.
template <class Context>
void update(const std::shared_ptr<Context>& self, config::client next) {
  self->settings.store(std::move(next));
  const auto settings = self->settings.load();
  self->transport.set_options(transport::to_socket_options(*settings));

  const auto runner_of = [&self](const std::string& name) {
    const auto found = self->services.find(name);
    return found == self->services.end() ? nullptr : found->second.lock();
  };
  // The running services are compared with the settings, so that the next update completes one in
  // which memory ran out.
  std::erase_if(self->services, [&settings](const auto& each) {
    const auto& [name, known] = each;
    const auto runner = known.lock();
    const auto wanted = std::ranges::find(settings->services, name, &config::client_service::name);
    const bool stays = runner && wanted != settings->services.end() && runner->serves(*wanted);
    if (runner && !stays) runner->stop();
    return !stays;
  });
  for (const auto& service : settings->services) {
    const auto runner = runner_of(service.name);
    if (!runner) {
      start_service(self, service);
      continue;
    }
    runner->update(service);
    runner->try_now();
    runner->set_heartbeat_timeout(settings->heartbeat_timeout);
    runner->redirect(settings->remote_addr);
  }
}

}  // namespace rathole::client
