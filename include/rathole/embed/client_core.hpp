#pragma once

#include <rathole/client/stream_receiver.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/instance_owner.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/time/asio_timer.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed {

/// What stands behind a `rathole::client`: its instances, and the services that were added by
/// `listen` and `forward` to those of its settings. It lives on the control plane, as all its
/// functions do except `problems`. It must be held by `shared_ptr`.
class client_core : public std::enable_shared_from_this<client_core> {
 public:
  /// A function that receives the result of an operation.
  using done_handler = std::move_only_function<void(std::error_code)>;

  /// Makes a client that has not started. It reports events to `events`.
  client_core(std::shared_ptr<home> where, config::client settings,
              std::unique_ptr<client_sink> events)
      : home_(std::move(where)),
        settings_(std::move(settings)),
        events_(std::move(events)),
        timer_(home_->get_executor()) {}

  /// Returns where the client lives. May be called by any thread.
  [[nodiscard]] const std::shared_ptr<home>& where() const { return home_; }

  /// Runs until nothing of the client is left; see `client::async_run`.
  void run(completion<> done, const cancellation_pointer& cancel) {
    if (owner_) return done(asio::error::already_started);
    if (cancel) {
      cancel->action = [self = weak_from_this()](asio::cancellation_type) {
        if (const auto me = self.lock()) me->close();
      };
    }
    const auto prepare = [this](instance<config::client>& next) {
      for (const auto& [name, each] : added_) {
        if (each.receiver) next.receive(name, each.receiver);
      }
    };
    owner_ = std::make_shared<owner_type>(*home_, *events_, prepare);
    // The client lives until it has ended.
    auto finish = [self = shared_from_this(), done = std::move(done)](std::error_code ec) mutable {
      self->ended(ec);
      done(ec);
    };
    owner_->start(effective(), [] {}, std::move(finish));
  }

  /// Applies new settings beside the services that were added; see `client::async_update`.
  void update(config::client next, done_handler done) {
    config::client before = std::exchange(settings_, std::move(next));
    if (!owner_) return done({});
    apply([self = shared_from_this(), before = std::move(before),
           done = std::move(done)](std::error_code ec) mutable {
      if (ec) self->settings_ = std::move(before);
      done(ec);
    });
  }

  /// Adds a service, which `receiver` serves unless it is null. Completes with the reason why the
  /// client cannot have it.
  void add(config::client_service service, std::shared_ptr<client_side::stream_receiver> receiver,
           done_handler done) {
    const std::string name = service.name;
    if (has_ended_) return done(errc::stopped);
    if (added_.contains(name) || names_service(name)) {
      note_problem({.key = "client.services." + name,
                    .what = "two services have this name",
                    .remedy = "give each service a name of its own"});
      return done(errc::invalid_settings);
    }
    added_[name] = {std::move(service), receiver};
    if (!owner_) return done({});
    if (receiver && owner_->running()) owner_->running()->receive(name, receiver);
    apply([self = shared_from_this(), name, done = std::move(done)](std::error_code ec) mutable {
      if (ec) self->added_.erase(name);
      done(ec);
    });
  }

  /// Changes a service that was added; does nothing if there is none of that name.
  void change(const std::string& name, const std::function<void(config::client_service&)>& edit,
              done_handler done) {
    const auto at = added_.find(name);
    if (at == added_.end()) return done(errc::service_not_exist);
    edit(at->second.service);
    if (!owner_) return done({});
    apply(std::move(done));
  }

  /// Removes a service that was added; active connections continue.
  void remove(const std::string& name) {
    if (added_.erase(name) == 0 || !owner_) return;
    if (owner_->running()) owner_->running()->receive(name, nullptr);
    apply([](std::error_code) {});
  }

  /// Closes the control channels; see `client::close`.
  void close() {
    if (owner_) return owner_->stop();
    ended(errc::stopped);
  }

  /// Closes the control channels, and calls `done` once no connection is active, or after `timeout`,
  /// when the others are reset.
  void drain(duration timeout, done_handler done) {
    if (!owner_ || has_ended_) {
      close();
      return done({});
    }
    on_end_.push_back(std::move(done));
    owner_->drain();
    timer_.arm(clock::now() + timeout, [this] {
      is_late_ = true;
      owner_->stop_now();
    });
  }

  /// Closes the control channels and resets all connections; see `client::shutdown`.
  void shutdown() {
    if (owner_) return owner_->stop_now();
    ended(errc::stopped);
  }

  /// Returns what is wrong with the last settings that could not be used. May be called by any
  /// thread.
  [[nodiscard]] std::vector<config::problem> problems() const {
    const std::lock_guard lock(mutex_);
    return problems_;
  }

 private:
  using owner_type = instance_owner<config::client, client_sink>;
  struct added_service {
    config::client_service service;
    std::shared_ptr<client_side::stream_receiver> receiver;
  };

  [[nodiscard]] bool names_service(const std::string& name) const {
    const auto& known = settings_.services;
    return std::ranges::find(known, name, &config::client_service::name) != known.end();
  }

  /// Returns the settings with the services that were added.
  [[nodiscard]] config::client effective() const {
    config::client out = settings_;
    for (const auto& [name, each] : added_) out.services.push_back(each.service);
    return out;
  }

  void apply(done_handler done) {
    owner_->update(effective(),
                   [self = shared_from_this(), done = std::move(done)](std::error_code ec) mutable {
                     self->take_problems();
                     done(ec);
                   });
  }

  void take_problems() {
    const std::lock_guard lock(mutex_);
    problems_ = owner_->problems();
  }

  void note_problem(config::problem found) {
    const std::lock_guard lock(mutex_);
    problems_ = {std::move(found)};
  }

  void ended(std::error_code ec) {
    if (std::exchange(has_ended_, true)) return;
    timer_.disarm();
    if (owner_) take_problems();
    for (auto& [name, each] : std::exchange(added_, {})) {
      if (each.receiver) each.receiver->close(ec ? ec : make_error_code(errc::stopped));
    }
    const std::error_code late = is_late_ ? make_error_code(errc::timed_out) : std::error_code();
    for (auto& each : std::exchange(on_end_, {})) each(late);
  }

  const std::shared_ptr<home> home_;
  config::client settings_;
  const std::unique_ptr<client_sink> events_;
  std::map<std::string, added_service> added_;
  std::shared_ptr<owner_type> owner_;
  io::asio_timer timer_;
  std::vector<done_handler> on_end_;
  bool has_ended_ = false;
  bool is_late_ = false;
  mutable std::mutex mutex_;
  std::vector<config::problem> problems_;
};

}  // namespace rathole::embed
