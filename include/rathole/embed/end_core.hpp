#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/instance_owner.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/io/time/asio_timer.hpp>
#include <rathole/version.hpp>

#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// What stands behind one end of a tunnel, a `rathole::client` or a `rathole::server`: its
/// instances, and the services that were added at run time to those of its settings. `Block` is
/// `config::client` or `config::server`, and `Sink` receives the events. It lives on the control
/// plane, as all its functions do except `where` and `problems`. It must be held by `shared_ptr`.
template <class Block, class Sink>
class end_core : public std::enable_shared_from_this<end_core<Block, Sink>> {
 public:
  /// The type of the settings of a service.
  using service_type = typename decltype(Block::services)::value_type;
  /// A function that receives the result of an operation.
  using done_handler = std::move_only_function<void(std::error_code)>;

  end_core(const end_core&) = delete;
  end_core& operator=(const end_core&) = delete;

  /// Returns where it lives. May be called by any thread.
  [[nodiscard]] const std::shared_ptr<home>& where() const { return home_; }

  /// Runs until nothing is left; see `client::async_run`.
  void run(completion<> done, const cancellation_pointer& cancel) {
    if (owner_ || has_ended_) return done(asio::error::already_started);
    if (cancel) {
      cancel->action = [self = this->weak_from_this()](asio::cancellation_type) {
        if (const auto me = self.lock()) me->close();
      };
    }
    const auto prepare = [this](instance<Block>& next) { prepare_instance(next); };
    owner_ = std::make_shared<owner_type>(home_->context(), *events_, prepare);
    // It lives until it has ended.
    auto finish = [self = this->shared_from_this(),
                   done = std::move(done)](std::error_code ec) mutable {
      self->ended(ec);
      done(ec);
    };
    owner_->start(effective(), [] {}, std::move(finish));
  }

  /// Applies new settings beside the services that were added; see `client::async_update`.
  void update(Block next, done_handler done) {
    Block before = std::exchange(settings_, std::move(next));
    if (!owner_) return done({});
    apply([self = this->shared_from_this(), before = std::move(before),
           done = std::move(done)](std::error_code ec) mutable {
      if (ec) self->settings_ = std::move(before);
      done(ec);
    });
  }

  /// Adds a service. Completes with the reason why there cannot be one.
  void add(service_type service, done_handler done) {
    const std::string name = service.name;
    if (has_ended_) return done(errc::stopped);
    if (added_.contains(name) || names_service(name)) {
      const std::string side = std::is_same_v<Block, config::server> ? "server" : "client";
      note_problem({.key = config::key_path(side + ".services", name),
                    .what = "two services have this name",
                    .remedy = "give each service a name of its own"});
      return done(errc::invalid_settings);
    }
    added_[name] = std::move(service);
    if (!owner_) return done({});
    apply([self = this->shared_from_this(), name,
           done = std::move(done)](std::error_code ec) mutable {
      if (ec) self->added_.erase(name);
      done(ec);
    });
  }

  /// Changes a service that was added; fails with `errc::service_not_exist` if there is none.
  void change(const std::string& name, const std::function<void(service_type&)>& edit,
              done_handler done) {
    const auto at = added_.find(name);
    if (at == added_.end()) return done(errc::service_not_exist);
    service_type before = at->second;
    edit(at->second);
    if (!owner_) return done({});
    apply([self = this->shared_from_this(), before = std::move(before),
           done = std::move(done)](std::error_code ec) mutable {
      if (ec && self->added_.contains(before.name)) self->added_[before.name] = std::move(before);
      done(ec);
    });
  }

  /// Removes a service that was added; active connections continue. Fails with
  /// `errc::service_not_exist` if there is none.
  void remove(const std::string& name, done_handler done) {
    if (added_.erase(name) == 0) return done(errc::service_not_exist);
    if (!owner_) return done({});
    apply(std::move(done));
  }

  /// Closes the channels; see `client::close`.
  void close() {
    if (owner_) return owner_->stop();
    ended(errc::stopped);
  }

  /// Closes the channels, and calls `done` once no connection is active, or after `timeout`, when
  /// the others are reset and `done` gets `errc::timed_out`.
  void drain(duration timeout, done_handler done) {
    if (!owner_ || has_ended_) {
      close();
      return done({});
    }
    on_end_.push_back(std::move(done));
    timer_.arm(clock::now() + timeout, [this] {
      is_late_ = true;
      owner_->stop_now();
    });
    owner_->drain();
  }

  /// Closes the channels and resets all connections; see `client::shutdown`.
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

 protected:
  /// Makes an end that has not started. It reports events to `events`.
  end_core(std::shared_ptr<home> where, Block settings, std::unique_ptr<Sink> events)
      : home_(std::move(where)),
        settings_(std::move(settings)),
        events_(std::move(events)),
        timer_(home_->get_executor()) {}
  /// Destroys the end, of which nothing runs.
  virtual ~end_core() = default;

  /// Returns the running instance; null if there is none.
  [[nodiscard]] instance<Block>* running() { return owner_ ? owner_->running() : nullptr; }

 private:
  using owner_type = instance_owner<Block, Sink>;

  /// Is called for each instance before it starts.
  virtual void prepare_instance(instance<Block>&) {}
  /// Is called once nothing is left, because of `reason` if it failed.
  virtual void has_ended([[maybe_unused]] std::error_code reason) {}

  [[nodiscard]] bool names_service(const std::string& name) const {
    return std::ranges::find(settings_.services, name, &service_type::name) !=
           settings_.services.end();
  }

  /// Returns the settings with the services that were added.
  [[nodiscard]] Block effective() const {
    Block out = settings_;
    for (const auto& [name, service] : added_) out.services.push_back(service);
    return out;
  }

  void apply(done_handler done) {
    auto finish = [self = this->shared_from_this(),
                   done = std::move(done)](std::error_code ec) mutable {
      self->take_problems();
      done(ec);
    };
    owner_->update(effective(), std::move(finish));
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
    has_ended(ec);
    const std::error_code late = is_late_ ? make_error_code(errc::timed_out) : std::error_code();
    for (auto& each : std::exchange(on_end_, {})) each(late);
  }

  const std::shared_ptr<home> home_;
  Block settings_;
  const std::unique_ptr<Sink> events_;
  std::map<std::string, service_type> added_;
  std::shared_ptr<owner_type> owner_;
  io::asio_timer timer_;
  std::vector<done_handler> on_end_;
  bool has_ended_ = false;
  bool is_late_ = false;
  mutable std::mutex mutex_;
  std::vector<config::problem> problems_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
