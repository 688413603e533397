#pragma once

#include <rathole/config/diff.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/embed/instance.hpp>
#include <rathole/embed/instance_lifecycle.hpp>
#include <rathole/embed/instance_list.hpp>
#include <rathole/embed/worker_threads.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/version.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// Runs a client or server with the transport that its settings ask for, and replaces the running
/// instance when new settings ask for another transport. An `instance_lifecycle` decides what
/// happens when. `Block` is `config::client` or `config::server`, and `Observer` receives the events
/// of all instances. It lives on the control plane and must be held by `shared_ptr`.
template <class Block, class Observer>
class instance_owner : public std::enable_shared_from_this<instance_owner<Block, Observer>> {
 public:
  /// The type of the instances.
  using instance_type = instance<Block>;
  /// The prepared transport of an instance; see `transport::prepare`.
  using prepared_type = typename decltype(transport::prepare(std::declval<Block>()))::value_type;
  /// A function that receives the result of an operation.
  using completion = std::move_only_function<void(std::error_code)>;

  /// Makes an owner without an instance. `prepare_instance` is called for each instance before it
  /// starts; it, `context` and `observer` must outlive the object.
  instance_owner(asio::io_context& context, Observer& observer,
                 std::function<void(instance_type&)> prepare_instance = {})
      : context_(context), observer_(observer), prepare_instance_(std::move(prepare_instance)) {}

  /// Returns all that is wrong with `settings`: contradictions, what the build does not contain, and
  /// files of keys and certificates, which it reads.
  static std::vector<config::problem> problems_of(const Block& settings) {
    std::vector<config::problem> found;
    prepare(settings, found);
    return found;
  }

  /// Starts the first instance with `settings`, and with the transport `prepared` if the caller has
  /// prepared it. `ready` is called once it serves. `ended` is called when nothing of any instance is
  /// left, or why the first one cannot run; `problems` says more.
  void start(const Block& settings, std::move_only_function<void()> ready, completion ended,
             const prepared_type* prepared = nullptr) {
    ready_ = std::move(ready);
    ended_ = std::move(ended);
    const std::error_code ec = attempt([&]() -> std::error_code {
      settings_ = settings;
      const auto own = prepared ? std::optional<prepared_type>() : prepare(settings, problems_);
      if (!prepared && !own) return errc::invalid_settings;
      use_workers(settings.workers);
      begin(add(instance_role::running, prepared ? *prepared : *own, settings));
      return {};
    });
    if (ec) failed(instance_role::running, ec);
    perform_actions();
  }

  /// Applies new settings, after the updates that were asked for before; with the transport
  /// `prepared` if they need another one and the caller has prepared it. Completes with the reason
  /// why they cannot be applied, after which the old ones are in use; `problems` says more.
  void update(Block next, completion done, std::optional<prepared_type> prepared = std::nullopt) {
    try {
      updates_.emplace_back();
    } catch (const std::bad_alloc&) {
      return done(out_of_memory());
    }
    updates_.back() = {std::move(next), std::move(done), std::move(prepared)};
    lifecycle_.update_requested();
    perform_actions();
  }

  /// Changes the number of worker threads ahead of an update, or of the start. Throws
  /// `std::system_error` if there cannot be so many. An update that fails takes it back.
  void use_workers(std::size_t count) {
    if (threads_) return threads_->get().use(count);
    threads_.emplace(context_, count);
  }

  /// Stops all instances; see `stop` of client and server.
  void stop() { stop_each(&instance_type::stop); }
  /// Drains all instances; see `drain` of client and server.
  void drain() { stop_each(&instance_type::drain); }
  /// Stops all instances and aborts their connections.
  void stop_now() { stop_each(&instance_type::stop_now); }
  /// Aborts the connections of the instances that were replaced.
  void abort_replaced() { instances_.abort_replaced(); }

  /// Returns the running instance; null if there is none.
  [[nodiscard]] instance_type* running() { return instances_.find(instance_role::running); }
  /// Returns whether connections of an instance that has ended were aborted; see `instance`.
  [[nodiscard]] bool has_aborted() const { return has_aborted_; }
  /// Returns the settings in use.
  [[nodiscard]] const Block& settings() const { return settings_; }
  /// Returns what is wrong with the last settings that could not be used.
  [[nodiscard]] const std::vector<config::problem>& problems() const { return problems_; }

  /// Destroys the handlers of the operations that have not ended; see `context_member`.
  void drop_handlers() {
    const auto ended = std::exchange(ended_, nullptr);
    const auto updates = std::exchange(updates_, {});
  }

 private:
  using owned = typename instance_list<Block>::member;
  struct wanted_update {
    Block settings;
    completion done;
    std::optional<prepared_type> prepared;
  };
  static constexpr bool is_server = std::is_same_v<Block, config::server>;

  /// Runs `work`, and returns why it failed.
  template <class F>
  static std::error_code attempt(F work) {
    try {
      return work();
    } catch (const std::system_error& error) {
      return error.code();
    } catch (const std::bad_alloc&) {
      return out_of_memory();
    }
  }

  /// Returns the prepared transport of `settings`; nothing if there are problems, which are stored in
  /// `found`.
  static std::optional<prepared_type> prepare(const Block& settings,
                                              std::vector<config::problem>& found) {
    found = config::settings_problems(settings);
    auto prepared = transport::prepare(settings);
    if (!prepared) found.insert(found.end(), prepared.error().begin(), prepared.error().end());
    if (!found.empty()) return std::nullopt;
    return std::move(*prepared);
  }

  /// Makes an instance that has not started.
  owned& add(instance_role role, const prepared_type& prepared, const Block& settings) {
    const io::asio_runtime runtime(context_, threads_->get());
    auto made = make_instance(prepared, runtime, settings, observer_);
    if (prepare_instance_) prepare_instance_(*made);
    return instances_.add(std::move(made), role);
  }

  /// Starts `it`. What runs of it keeps the owner alive.
  void begin(owned& it) {
    // The instance, which the owner owns, holds this function, so it must not own the owner.
    auto ready = [self = this->weak_from_this(), &it] {
      if (const auto owner = self.lock()) owner->has_started(it);
    };
    auto ended = [self = this->shared_from_this(), &it](std::error_code ec) {
      self->has_ended(it, ec);
    };
    it.what->start(std::move(ready), std::move(ended));
  }

  void has_started(owned& it) {
    lifecycle_.instance_started(it.role);
    perform_actions();
  }

  void has_ended(owned& it, std::error_code ec) {
    // A replacement had no connections yet.
    if (it.role != instance_role::replacement && it.what->has_aborted()) has_aborted_ = true;
    lifecycle_.instance_ended(std::exchange(it.role, instance_role::ended), ec);
    destroy_ended();
    perform_actions();
  }

  /// Records that the instance in the role `which` could not be started because of `ec`.
  void failed(instance_role which, std::error_code ec) {
    instances_.end(which);
    lifecycle_.instance_ended(which, ec);
  }

  /// Destroys the instances that have ended, but later, because one of their own calls may be
  /// running.
  void destroy_ended() {
    try {
      asio::post(context_, [self = this->shared_from_this()] { self->instances_.destroy_ended(); });
    } catch (const std::bad_alloc&) {
      // They are destroyed with the next one, or with the owner.
    }
  }

  void stop_each(void (instance_type::*how)()) {
    // The caller may hold the last reference elsewhere.
    const auto self = this->shared_from_this();
    lifecycle_.stop_requested();
    instances_.stop_each(how);
    perform_actions();
  }

  /// Performs what the lifecycle wants done, one action after the other, until it wants nothing.
  void perform_actions() {
    // An action may report the next event, whose actions follow when it is complete.
    if (std::exchange(is_performing_actions_, true)) return;
    const auto self = this->shared_from_this();
    struct turn {
      bool& is_running;
      ~turn() { is_running = false; }
    } const now{is_performing_actions_};
    while (const auto action = lifecycle_.poll()) perform(*action);
  }

  void perform(const instance_action& action) {
    using kind = instance_action::kind;
    switch (action.what) {
      case kind::report_start: {
        auto ready = std::exchange(ready_, nullptr);
        return ready();
      }
      case kind::examine_update: return examine_update();
      case kind::update_instance: return update_instance();
      case kind::start_replacement: return start_replacement();
      case kind::promote_replacement: return instances_.promote_replacement();
      case kind::finish_update: return finish_update(action.error);
      case kind::report_end: {
        auto ended = std::exchange(ended_, nullptr);
        return ended(action.error);
      }
    }
  }

  void examine_update() {
    wanted_update& next = updates_.front();
    const std::error_code ec = attempt([&]() -> std::error_code {
      const bool is_same = config::same_transport(settings_, next.settings);
      if (is_same) {
        problems_ = config::settings_problems(next.settings);
        if (!problems_.empty()) return errc::invalid_settings;
      } else if (!next.prepared) {
        next.prepared = prepare(next.settings, problems_);
        if (!next.prepared) return errc::invalid_settings;
      }
      use_workers(next.settings.workers);
      is_same ? lifecycle_.update_found() : lifecycle_.replacement_needed();
      return {};
    });
    if (ec) lifecycle_.update_refused(ec);
  }

  void update_instance() {
    const std::error_code ec = attempt([this]() -> std::error_code {
      const auto done = [self = this->shared_from_this()](std::error_code result) {
        self->lifecycle_.update_done(result);
        self->perform_actions();
      };
      running()->update(updates_.front().settings, done);
      return {};
    });
    if (ec) lifecycle_.update_done(ec);
  }

  void start_replacement() {
    const std::error_code ec = attempt([this]() -> std::error_code {
      const wanted_update& next = updates_.front();
      owned& made = add(instance_role::replacement, *next.prepared, next.settings);
      made.what->take_over(running()->duplicate_listeners());
      // Two control channels of one service would displace each other.
      if constexpr (!is_server) running()->drain();
      begin(made);
      return {};
    });
    if (ec) failed(instance_role::replacement, ec);
  }

  void finish_update(std::error_code ec) {
    wanted_update ended = std::move(updates_.front());
    updates_.pop_front();
    if (!ec) {
      settings_ = std::move(ended.settings);
    } else if (running()) {
      // There were as many before.
      attempt([this]() -> std::error_code {
        use_workers(settings_.workers);
        return {};
      });
    }
    ended.done(ec);
  }

  asio::io_context& context_;
  Observer& observer_;
  const std::function<void(instance_type&)> prepare_instance_;
  Block settings_;
  std::optional<worker_threads> threads_;
  instance_lifecycle lifecycle_;
  instance_list<Block> instances_;
  std::deque<wanted_update> updates_;
  std::vector<config::problem> problems_;
  std::move_only_function<void()> ready_;
  completion ended_;
  bool is_performing_actions_ = false;
  bool has_aborted_ = false;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
