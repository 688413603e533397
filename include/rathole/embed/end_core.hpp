#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/change_queue.hpp>
#include <rathole/embed/context_end.hpp>
#include <rathole/embed/drain_list.hpp>
#include <rathole/embed/end_state.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/instance_owner.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/problem_record.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/asio_timer.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The implementation of one end of a tunnel, a `rathole::client` or a `rathole::server`: its
/// instances, and the services that were added at run time to those of its settings. It implements
/// `Interface`, the `end_interface` of one of them, and `Sink` receives the events. It lives on the
/// control plane, as all its functions do except those that `end_interface` excepts, and `where`. It
/// must be held by `shared_ptr`.
template <class Interface, class Sink>
class end_core : public Interface,
                 public context_member,
                 public std::enable_shared_from_this<end_core<Interface, Sink>> {
 public:
  /// The types of the settings; see `end_interface`.
  using typename Interface::settings_type;
  /// See `end_interface`.
  using typename Interface::service_type;

  /// Returns where it lives. May be called by any thread.
  [[nodiscard]] const std::shared_ptr<home>& where() const { return home_; }

  /// Returns the executor of the control plane.
  [[nodiscard]] io::executor home_executor() const override { return home_->get_executor(); }
  /// Returns the executor of handlers that have none.
  [[nodiscard]] const asio::any_io_executor& fallback_executor() const override {
    return home_->fallback();
  }

  /// Runs until nothing is left; see `end_interface`.
  void run(completion<> done, const cancellation_pointer& cancel) override {
    if (std::exchange(has_run_, true)) return done(asio::error::already_started);
    // It was closed before.
    if (has_ended_) {
      return done(is_abandoned_ ? make_error_code(asio::error::operation_aborted)
                                : std::error_code());
    }
    if (cancel) {
      cancel->action = [self = this->weak_from_this()](asio::cancellation_type) {
        if (const auto me = self.lock()) me->close();
      };
    }
    const auto prepare = [this](instance<settings_type>& next) {
      if (follows_traffic_) next.follow_traffic();
      prepare_instance(next);
    };
    owner_ = std::make_shared<owner_type>(home_->context(), *events_, prepare);
    // It lives until it has ended.
    auto finish = [self = this->shared_from_this(),
                   done = std::move(done)](std::error_code ec) mutable {
      self->ended(ec);
      done(self->is_abandoned_ ? make_error_code(asio::error::operation_aborted) : ec);
    };
    owner_->start(state_.effective(), [] {}, std::move(finish));
  }

  /// Applies new settings. Changes are applied one after the other, each to what those before it have
  /// left.
  void update(settings_type next, completion<> done) override {
    auto edit = [next = std::move(next)](state& of) mutable {
      of.settings = std::move(next);
      return std::error_code();
    };
    request(std::move(edit), std::move(done), change_scope::everything);
  }

  /// Adds a service; see `end_interface`.
  void add(service_type service, completion<> done) override {
    add(std::move(service), no_owner, std::move(done));
  }

  /// Adds a service that belongs to `owner`, a number that no other service has.
  void add(service_type service, std::uint64_t owner, completion<> done) {
    auto edit = [this, service = std::move(service), owner](state& of) mutable -> std::error_code {
      const std::string name = service.name;
      if (of.names(name)) {
        problems_.note_two_services(services_path, name);
        return errc::invalid_settings;
      }
      of.add(std::move(service), owner);
      return {};
    };
    request(std::move(edit), std::move(done), change_scope::one_service);
  }

  /// Changes the service `name` of `owner`; fails with `errc::service_not_exist` if there is none.
  void change(const std::string& name, std::uint64_t owner, std::function<void(service_type&)> how,
              completion<> done) {
    auto edit = [name, owner, how = std::move(how)](state& of) -> std::error_code {
      const auto at = of.find(name, owner);
      if (at == of.added.end()) return errc::service_not_exist;
      how(at->second.settings);
      return {};
    };
    request(std::move(edit), std::move(done), change_scope::one_service);
  }

  /// Removes a service; see `end_interface`.
  void remove(const std::string& name, completion<> done) override {
    remove(name, no_owner, std::move(done));
  }

  /// Removes the service `name` of `owner`; fails with `errc::service_not_exist` if there is none.
  void remove(const std::string& name, std::uint64_t owner, completion<> done) {
    auto edit = [name, owner](state& of) -> std::error_code {
      const auto at = of.find(name, owner);
      if (at == of.added.end()) return errc::service_not_exist;
      of.added.erase(at);
      return {};
    };
    request(std::move(edit), std::move(done), change_scope::one_service);
  }

  /// Closes the channels; see `tunnel_end::close`.
  void close() {
    if (owner_) return owner_->stop();
    ended(errc::stopped);
  }

  /// Closes the end, and waits for its connections; see `end_interface`.
  void drain(duration timeout, completion<> done) override {
    if (!owner_ || has_ended_) {
      close();
      return done({});
    }
    timer_.arm(drains_.add(clock::now(), timeout, std::move(done)), [this] {
      drains_.deadline_passed();
      owner_->stop_now();
    });
    owner_->drain();
  }

  /// Closes the channels and resets all connections; see `tunnel_end::shutdown`.
  void shutdown() {
    if (owner_) return owner_->stop_now();
    ended(errc::stopped);
  }

  /// Closes the end soon.
  void post_close() override {
    post([this] { close(); });
  }
  /// Shuts the end down soon.
  void post_shutdown() override {
    post([this] { shutdown(); });
  }

  /// Follows traffic soon.
  void post_follow_traffic() override {
    post([this] {
      follows_traffic_ = true;
      if (auto* const now = running()) now->follow_traffic();
    });
  }

  /// Drops the observer, and shuts the end down soon; see `end_interface`.
  void abandon() override {
    events_->drop_observer();
    post([this] {
      is_abandoned_ = true;
      shutdown();
    });
  }

  /// Destroys the handlers of what has not ended; see `context_member`.
  void drop_handlers() override {
    changes_.drop();
    drains_.drop_handlers();
    if (owner_) owner_->drop_handlers();
  }

  /// Returns what is wrong with the last settings that could not be used.
  [[nodiscard]] std::vector<config::problem> problems() const override { return problems_.all(); }
  /// Returns the text of an error; see `tunnel_end::explain`.
  [[nodiscard]] std::string explain(std::error_code ec) const override {
    return problems_.explain(ec);
  }

 protected:
  /// Makes an end that has not started. It reports events to `events`.
  end_core(std::shared_ptr<home> where, settings_type settings, std::unique_ptr<Sink> events)
      : home_(std::move(where)),
        state_{std::move(settings)},
        events_(std::move(events)),
        timer_(home_->get_executor()) {}

  /// Calls `work` on the control plane, soon, and keeps the end alive until then.
  template <class Work>
  void post(Work work) {
    asio::post(home_->get_executor(),
               [self = this->shared_from_this(), work = std::move(work)]() mutable { work(); });
  }

  /// Copies to `own` why the operation that has just ended failed with `ec`, if that was because of
  /// the settings.
  void note_failure(std::error_code ec, problem_record& own) const {
    own.note_failure(ec, problems_);
  }

  /// Returns the running instance; null if there is none.
  [[nodiscard]] instance<settings_type>* running() { return owner_ ? owner_->running() : nullptr; }

 private:
  using owner_type = instance_owner<settings_type, Sink>;
  using state = end_state<settings_type>;
  static constexpr const char* services_path =
      std::is_same_v<settings_type, config::server> ? "server.services" : "client.services";

  /// Is called for each instance before it starts.
  virtual void prepare_instance(instance<settings_type>&) {}
  /// Is called once nothing is left, because of `reason` if it failed.
  virtual void has_ended([[maybe_unused]] std::error_code reason) {}

  void request(std::move_only_function<std::error_code(state&)> edit, completion<> done,
               change_scope scope) {
    if (has_ended_) return done(errc::stopped);
    changes_.push({std::move(edit), std::move(done), scope});
    begin_change();
  }

  /// Returns why a change before the run cannot make `next` of the state; the instances judge later
  /// ones. Problems of the present state are not those of a change that concerns one service: an
  /// update may correct them before the run.
  std::error_code judge(change_scope scope, const state& next) {
    std::vector<config::problem> found;
    if (scope == change_scope::everything) {
      found = owner_type::problems_of(next.effective());
    } else {
      found = config::settings_problems(next.effective());
      const auto present = config::settings_problems(state_.effective());
      std::erase_if(found, [&](const auto& each) {
        return std::ranges::find(present, each) != present.end();
      });
    }
    const std::error_code ec = found.empty() ? std::error_code() : errc::invalid_settings;
    problems_.note(std::move(found), ec);
    return ec;
  }

  /// Begins the oldest change, unless one is being applied.
  void begin_change() {
    auto* const change = changes_.begin();
    if (!change) return;
    settings_type settings;
    completion<> finish;
    std::error_code refused;
    try {
      refused = prepare(*change, settings, finish);
    } catch (const std::bad_alloc&) {
      refused = out_of_memory();
    }
    // What the completion of a change throws is not a reason to refuse the change.
    if (refused || !finish) return finish_change(refused);
    owner_->update(std::move(settings), std::move(finish));
  }

  /// Judges a change. Applies it, if nothing runs; otherwise returns in `settings` what the owner must
  /// use, and in `finish` what must be called when it does. Returns why the change is refused.
  std::error_code prepare(wanted_change<state>& change, settings_type& settings,
                          completion<>& finish) {
    state next = state_;
    if (const auto ec = change.edit(next)) return ec;
    if (!owner_) {
      const std::error_code ec = judge(change.scope, next);
      if (!ec) state_ = std::move(next);
      return ec;
    }
    settings = next.effective();
    finish = [self = this->shared_from_this(), next = std::move(next)](std::error_code ec) mutable {
      self->problems_.note(self->owner_->problems(), ec, next.settings);
      if (!ec) self->state_ = std::move(next);
      self->finish_change(ec);
    };
    return {};
  }

  void finish_change(std::error_code ec) {
    changes_.finish()(ec);
    begin_change();
  }

  void ended(std::error_code ec) {
    if (std::exchange(has_ended_, true)) return;
    timer_.disarm();
    if (owner_) problems_.note(owner_->problems(), ec, state_.settings);
    has_ended(ec);
    if (owner_ && owner_->has_aborted()) drains_.connections_reset();
    drains_.complete();
  }

  const std::shared_ptr<home> home_;
  state state_;
  const std::unique_ptr<Sink> events_;
  change_queue<state> changes_;
  std::shared_ptr<owner_type> owner_;
  io::asio_timer timer_;
  drain_list drains_;
  bool has_run_ = false;
  bool has_ended_ = false;
  bool is_abandoned_ = false;
  bool follows_traffic_ = false;
  problem_record problems_;
};

/// Makes a `Core`, which is a `client_core` or a `server_core`, that lives at `where`.
template <class Core, class Sink>
std::shared_ptr<Core> make_end(std::shared_ptr<home> where, typename Core::settings_type settings,
                               std::unique_ptr<Sink> events) {
  asio::io_context& context = where->context();
  return make_context_member<Core>(context, std::move(where), std::move(settings),
                                   std::move(events));
}

}  // namespace rathole::embed::inline RATHOLE_ABI
