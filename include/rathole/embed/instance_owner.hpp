#pragma once

#include <rathole/config/diff.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/instance.hpp>
#include <rathole/embed/worker_threads.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/version.hpp>

#include <asio/post.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// Runs a client or server with the transport that its settings ask for, and replaces the running
/// instance when new settings ask for another transport. `Block` is `config::client` or
/// `config::server`, and `Observer` receives the events of all instances. It lives on the control
/// plane and must be held by `shared_ptr`.
template <class Block, class Observer>
class instance_owner : public std::enable_shared_from_this<instance_owner<Block, Observer>> {
 public:
  /// The type of the instances.
  using instance_type = instance<Block>;
  /// A function that receives the result of an operation.
  using completion = std::move_only_function<void(std::error_code)>;

  /// Makes an owner without an instance. `prepare_instance` is called for each instance before it
  /// starts; it and `observer` must outlive the object.
  instance_owner(const home& where, Observer& observer,
                 std::function<void(instance_type&)> prepare_instance)
      : context_(where.context()),
        observer_(observer),
        prepare_instance_(std::move(prepare_instance)) {}

  /// Starts the first instance with `settings`. `ready` is called once it serves. `ended` is called
  /// when nothing of any instance is left, or why the first one cannot run; `problems` says more.
  void start(const Block& settings, std::move_only_function<void()> ready, completion ended) {
    ended_ = std::move(ended);
    auto prepared = prepare(settings);
    if (!prepared) return end(errc::invalid_settings);
    try {
      threads_.emplace(context_, settings.workers);
    } catch (const std::system_error& error) {
      return end(error.code());
    }
    settings_ = settings;
    running_ = make(*prepared, settings);
    run(*running_, [this, ready = std::move(ready)](std::error_code ec) mutable {
      if (ec) return;
      is_ready_ = true;
      ready();
      if (!updates_.empty()) begin_update();
    });
  }

  /// Applies new settings, after the updates that were asked for before. Completes with the reason
  /// why they cannot be applied, after which the old ones are in use; `problems` says more.
  void update(Block next, completion done) {
    updates_.push_back({std::move(next), std::move(done)});
    if (updates_.size() == 1 && (is_ready_ || !running_)) begin_update();
  }

  /// Stops all instances; see `stop` of client and server.
  void stop() {
    is_stopping_ = true;
    for_each([](instance_type& each) { each.stop(); });
  }
  /// Drains all instances; see `drain` of client and server.
  void drain() {
    is_stopping_ = true;
    for_each([](instance_type& each) { each.drain(); });
  }
  /// Stops all instances and aborts their connections.
  void stop_now() {
    is_stopping_ = true;
    for_each([](instance_type& each) { each.stop_now(); });
  }

  /// Returns the running instance; null if there is none.
  [[nodiscard]] instance_type* running() { return running_.get(); }
  /// Returns the settings in use.
  [[nodiscard]] const Block& settings() const { return settings_; }
  /// Returns what is wrong with the last settings that could not be used.
  [[nodiscard]] const std::vector<config::problem>& problems() const { return problems_; }

 private:
  using pointer = std::unique_ptr<instance_type>;
  using prepared_type = typename decltype(transport::prepare(std::declval<Block>()))::value_type;
  struct wanted_update {
    Block settings;
    completion done;
  };
  static constexpr bool is_server = std::is_same_v<Block, config::server>;

  /// Returns the prepared transport of `settings`; nothing if there are `problems_`.
  std::optional<prepared_type> prepare(const Block& settings) {
    problems_ = config::settings_problems(settings);
    auto prepared = transport::prepare(settings);
    if (!prepared) {
      problems_.insert(problems_.end(), prepared.error().begin(), prepared.error().end());
    }
    if (!problems_.empty()) return std::nullopt;
    return std::move(*prepared);
  }

  pointer make(const prepared_type& prepared, const Block& settings) {
    pointer made =
        make_instance(prepared, io::asio_runtime(context_, threads_->get()), settings, observer_);
    prepare_instance_(*made);
    return made;
  }

  /// Starts `what`. `started` is called once, when it serves or with the reason why it does not.
  void run(instance_type& what, completion started) {
    const auto report = std::make_shared<completion>(std::move(started));
    const auto self = this->shared_from_this();
    what.start([self, report] { (*report)({}); },
               [self, report, &what](std::error_code ec) {
                 if (ec) (*report)(ec);
                 self->instance_ended(what, ec);
               });
  }

  void begin_update() {
    const Block& next = updates_.front().settings;
    if (!running_ || is_stopping_) return finish_update(errc::stopped);
    if (config::same_transport(settings_, next)) {
      problems_ = config::settings_problems(next);
      if (!problems_.empty()) return finish_update(errc::invalid_settings);
      if (const auto ec = use_workers(next.workers)) return finish_update(ec);
      const auto self = this->shared_from_this();
      return running_->update(next, [self](std::error_code ec) { self->finish_update(ec); });
    }
    auto prepared = prepare(next);
    if (!prepared) return finish_update(errc::invalid_settings);
    if (const auto ec = use_workers(next.workers)) return finish_update(ec);
    replacement_ = make(*prepared, next);
    replacement_->take_over(running_->duplicate_listeners());
    // Two control channels of one service would displace each other.
    if constexpr (!is_server) running_->drain();
    const auto self = this->shared_from_this();
    run(*replacement_, [self](std::error_code ec) {
      if (!self->replacement_) return;
      if (!ec) {
        self->running_->drain();
        self->draining_.push_back(std::exchange(self->running_, std::move(self->replacement_)));
      }
      self->finish_update(ec);
    });
  }

  void finish_update(std::error_code ec) {
    auto [next, done] = std::move(updates_.front());
    if (!ec) {
      settings_ = std::move(next);
    } else if (running_ && threads_) {
      use_workers(settings_.workers);
    }
    done(ec);
    updates_.pop_front();
    // Later, because an update may complete at once.
    if (updates_.empty()) return;
    asio::post(context_, [self = this->shared_from_this()] { self->begin_update(); });
  }

  std::error_code use_workers(std::size_t count) {
    try {
      threads_->get().use(count);
    } catch (const std::system_error& error) {
      return error.code();
    }
    return {};
  }

  void instance_ended(instance_type& what, std::error_code ec) {
    const auto is_it = [&what](const pointer& each) { return each.get() == &what; };
    if (is_it(replacement_)) return destroy_later(std::move(replacement_));
    if (is_it(running_)) {
      destroy_later(std::move(running_));
      is_ready_ = true;
      if (!updates_.empty() && !replacement_) begin_update();
      if (!first_error_) first_error_ = ec;
    } else if (const auto at = std::ranges::find_if(draining_, is_it); at != draining_.end()) {
      destroy_later(std::move(*at));
      draining_.erase(at);
    }
    if (!running_ && draining_.empty()) end(first_error_);
  }

  /// One of its own calls may be running.
  void destroy_later(std::shared_ptr<instance_type> gone) {
    asio::post(context_, [gone = std::move(gone)] {});
  }

  void end(std::error_code ec) {
    if (auto ended = std::exchange(ended_, nullptr)) ended(ec);
  }

  template <class F>
  void for_each(F use) {
    if (replacement_) replacement_->stop_now();
    for (const auto& each : draining_) use(*each);
    if (running_) use(*running_);
  }

  asio::io_context& context_;
  Observer& observer_;
  const std::function<void(instance_type&)> prepare_instance_;
  Block settings_;
  std::optional<worker_threads> threads_;
  pointer running_;
  pointer replacement_;
  std::vector<pointer> draining_;
  std::deque<wanted_update> updates_;
  std::vector<config::problem> problems_;
  std::error_code first_error_;
  completion ended_;
  bool is_ready_ = false;
  bool is_stopping_ = false;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
