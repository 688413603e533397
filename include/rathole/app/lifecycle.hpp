#pragma once

#include <rathole/core/time.hpp>

#include <deque>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::app {

/// What a `lifecycle` wants done.
struct lifecycle_action {
  /// Says what to do.
  enum class kind {
    /// Watch the configuration file for changes from now on, and read it once.
    watch_file,
    /// Read the configuration file, and compare it with the settings in use.
    read_file,
    /// Apply the new settings, and report `change_done`.
    apply_settings,
    /// Keep the new settings as the settings in use.
    accept_settings,
    /// Drop the new settings because of `error`.
    reject_settings,
    /// Warn about services that no client serves.
    warn_unserved,
    /// Stop all instances; their connections may continue for a while.
    stop_instances,
    /// Abort the connections of the instances that drain.
    abort_draining,
    /// End the program, with `error` if it could not start, or could not go on.
    exit,
    /// Notify the service manager that the program is ready.
    notify_ready,
    /// Notify the service manager that the program applies new settings.
    notify_reloading,
    /// Notify the service manager that the program stops.
    notify_stopping,
  };

  /// What to do.
  kind what;
  /// The reason, for those kinds that have one.
  std::error_code error{};
  /// Compares all members.
  bool operator==(const lifecycle_action&) const = default;
};

/// Says when a program that has started counts as ready for its service manager.
struct readiness {
  /// Whether the program is ready as soon as it has started, as a server is. A client is ready when
  /// all its services are served.
  bool on_start = false;
  /// How long after its start a program is given to have all its services served: then a client is
  /// ready in any case, and a server warns about those that are not served.
  duration timeout{};
};

/// Decides what the program does from its start to its end: when it reads its configuration file
/// again and applies it, notifies its service manager, stops, and ends. How its instances follow each
/// other is up to `embed::instance_lifecycle`. It does no input or output and reads no clock.
///
/// The owner reports what happens; after each report, and at `deadline`, it calls `poll` until that
/// returns nothing, and completes each action before it asks for the next one. It may report events
/// while it performs an action. Reports that do not fit the state, such as a second stop, do nothing.
class lifecycle {
 public:
  /// Makes the machine of a program whose first instance is being started.
  explicit lifecycle(readiness when) : when_(when) {}

  /// Reports that the first instance has started, at `now`.
  void started(time_point now) {
    if (phase_ != phase::starting) return;
    phase_ = phase::idle;
    want(lifecycle_action::kind::watch_file);
    timer_ = now + when_.timeout;
    if (when_.on_start) become_ready();
  }

  /// Reports that every service is served.
  void all_served() {
    if (phase_ != phase::starting && phase_ != phase::stopping) become_ready();
  }

  /// Reports that the file has changed, or that a user asked to read it again. During a change, the
  /// file is read after that.
  void reload_requested() {
    if (phase_ == phase::idle) want(lifecycle_action::kind::read_file);
    if (phase_ == phase::changing) is_reload_due_ = true;
  }

  /// Reports valid new settings.
  void change_found() {
    if (phase_ != phase::idle) return;
    phase_ = phase::changing;
    // A service manager that waits for the start must continue to wait.
    if (is_ready_) want(lifecycle_action::kind::notify_reloading);
    want(lifecycle_action::kind::apply_settings);
  }

  /// Reports that `apply_settings` ended, with `ec` if the settings could not be applied.
  void change_done(std::error_code ec) {
    if (phase_ != phase::changing) return;
    phase_ = phase::idle;
    using kind = lifecycle_action::kind;
    want(ec ? kind::reject_settings : kind::accept_settings, ec);
    if (is_ready_) want(kind::notify_ready);
    if (std::exchange(is_reload_due_, false)) want(kind::read_file);
  }

  /// Reports that nothing of any instance is left, with `ec` if one failed. The program ends.
  void ended(std::error_code ec) {
    timer_.reset();
    want(lifecycle_action::kind::exit, phase_ == phase::stopping ? std::error_code() : ec);
  }

  /// Reports that the program must stop. The connections of instances that drain are aborted at
  /// `abort_at`.
  void stop_requested(time_point abort_at) {
    if (phase_ == phase::stopping) return;
    phase_ = phase::stopping;
    timer_ = abort_at;
    want(lifecycle_action::kind::notify_stopping);
    want(lifecycle_action::kind::stop_instances);
  }

  /// Returns whether a request to read the file is obeyed, now or after a change.
  [[nodiscard]] bool can_reload() const {
    return phase_ == phase::idle || phase_ == phase::changing;
  }

  /// Returns the next thing to do at `now`, if any.
  std::optional<lifecycle_action> poll(time_point now) {
    if (timer_ && now >= *timer_) {
      timer_.reset();
      on_timeout();
    }
    if (actions_.empty()) return std::nullopt;
    const lifecycle_action next = actions_.front();
    actions_.pop_front();
    return next;
  }

  /// Returns when `poll` must be called next although nothing has happened, if at all.
  [[nodiscard]] std::optional<time_point> deadline() const { return timer_; }

 private:
  enum class phase {
    starting,
    idle,
    /// New settings are being applied.
    changing,
    stopping,
  };

  void want(lifecycle_action::kind what, std::error_code error = {}) {
    actions_.push_back({what, error});
  }

  void become_ready() {
    if (std::exchange(is_ready_, true)) return;
    if (!when_.on_start) timer_.reset();
    want(lifecycle_action::kind::notify_ready);
  }

  void on_timeout() {
    if (phase_ == phase::stopping) return want(lifecycle_action::kind::abort_draining);
    if (when_.on_start) return want(lifecycle_action::kind::warn_unserved);
    become_ready();
  }

  const readiness when_;
  phase phase_ = phase::starting;
  std::deque<lifecycle_action> actions_;
  /// When the time of `readiness` is over, or when instances that drain are aborted.
  std::optional<time_point> timer_;
  /// Whether the service manager has been notified that the program is ready.
  bool is_ready_ = false;
  /// Whether the file has changed during a change.
  bool is_reload_due_ = false;
};

}  // namespace rathole::app
