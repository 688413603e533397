#pragma once

#include <rathole/core/error.hpp>
#include <rathole/version.hpp>

#include <cassert>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// Says what an instance of a client or server does.
enum class instance_role {
  /// It is the instance that serves, or the first one, which is being started.
  running,
  /// It is being started to replace the running instance.
  replacement,
  /// It was replaced and still has active connections.
  draining,
  /// Nothing of it is left.
  ended,
};

/// What an `instance_lifecycle` wants done.
struct instance_action {
  /// Says what to do.
  enum class kind {
    /// Report that the first instance serves.
    report_start,
    /// Examine the oldest update that waits, and report `update_found`, `replacement_needed` or
    /// `update_refused`.
    examine_update,
    /// Let the running instance apply the update, and report `update_done`.
    update_instance,
    /// Start an instance with the settings of the update beside the running one, and report
    /// `instance_started` or `instance_ended`.
    start_replacement,
    /// Make the replacement the running instance, and drain the one that ran, if it still exists.
    promote_replacement,
    /// Complete the oldest update: its settings are in use, or the old ones because of `error`.
    finish_update,
    /// Report that nothing of any instance is left, with `error` if an instance failed.
    report_end,
  };

  /// What to do.
  kind what;
  /// The reason, for those kinds that have one.
  std::error_code error{};
  /// Compares all members.
  bool operator==(const instance_action&) const = default;
};

/// Decides how the instances of one end of a tunnel follow each other: when an update begins, when
/// a replacement becomes the running instance, and when everything has ended. One update is applied
/// at a time, in the order in which they were asked for, and each is completed, whatever fails. It
/// does no input or output, reads no clock and needs no memory of the heap.
///
/// The owner reports what happens, and calls `poll` after each report until that returns nothing. It
/// may report events while it performs an action. Reports that do not fit the state do nothing.
class instance_lifecycle {
 public:
  /// Makes the machine of an end whose first instance is about to be started.
  instance_lifecycle() = default;

  /// Reports that an instance in the role `which` serves.
  void instance_started(instance_role which) {
    if (which == instance_role::running && phase_ == phase::starting) phase_ = phase::started;
    // A replacement that is stopping will end.
    if (which == instance_role::replacement && phase_ == phase::replacing && !is_stopping_) {
      phase_ = phase::promotion_due;
    }
  }

  /// Reports that nothing is left of an instance in the role `which`, with `ec` if it failed.
  void instance_ended(instance_role which, std::error_code ec) {
    if (which == instance_role::ended) return;
    assert(instances_ > 0);
    --instances_;
    if (which == instance_role::replacement) {
      if (phase_ == phase::promotion_due) phase_ = phase::replacing;
      return end_update(phase::replacing, ec ? ec : make_error_code(errc::stopped));
    }
    if (which != instance_role::running) return;
    is_running_ = false;
    if (!is_stopping_ && !error_) error_ = ec;
    if (phase_ == phase::starting || phase_ == phase::started) phase_ = phase::idle;
    end_update(phase::applying, ec ? ec : make_error_code(errc::stopped));
  }

  /// Reports that one more update waits.
  void update_requested() { ++updates_; }

  /// Reports that the running instance can apply the update that was examined.
  void update_found() {
    if (phase_ == phase::examining) phase_ = phase::update_due;
  }
  /// Reports that the update that was examined needs another instance.
  void replacement_needed() {
    if (phase_ == phase::examining) phase_ = phase::replacement_due;
  }
  /// Reports that the update that was examined cannot be applied because of `ec`.
  void update_refused(std::error_code ec) { end_update(phase::examining, ec); }

  /// Reports that the running instance has applied the update, or could not because of `ec`.
  void update_done(std::error_code ec) { end_update(phase::applying, ec); }

  /// Reports that all instances were asked to stop or to drain. No update begins any more.
  void stop_requested() { is_stopping_ = true; }

  /// Returns the next thing to do, if any.
  std::optional<instance_action> poll() {
    using kind = instance_action::kind;
    const bool is_late = is_stopping_ || !is_running_;
    if (is_late && (phase_ == phase::update_due || phase_ == phase::replacement_due)) {
      result_ = errc::stopped;
      phase_ = phase::result_due;
    }
    switch (phase_) {
      case phase::started: return go_on(phase::idle, {kind::report_start});
      case phase::update_due: return go_on(phase::applying, {kind::update_instance});
      case phase::replacement_due:
        ++instances_;
        return go_on(phase::replacing, {kind::start_replacement});
      case phase::promotion_due:
        is_running_ = true;
        result_.clear();
        return go_on(phase::result_due, {kind::promote_replacement});
      case phase::result_due: --updates_; return go_on(phase::idle, {kind::finish_update, result_});
      case phase::idle: return next_of_idle();
      case phase::starting:
      case phase::examining:
      case phase::applying:
      case phase::replacing: return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  /// The name `…_due` says that `poll` returns the next action.
  enum class phase {
    starting,
    started,
    idle,
    examining,
    update_due,
    applying,
    replacement_due,
    replacing,
    promotion_due,
    result_due,
  };

  std::optional<instance_action> go_on(phase next, instance_action action) {
    phase_ = next;
    return action;
  }

  std::optional<instance_action> next_of_idle() {
    using kind = instance_action::kind;
    if (updates_ > 0) {
      if (is_running_ && !is_stopping_) return go_on(phase::examining, {kind::examine_update});
      --updates_;
      return instance_action{kind::finish_update, make_error_code(errc::stopped)};
    }
    if (instances_ > 0 || std::exchange(has_ended_, true)) return std::nullopt;
    return instance_action{kind::report_end, error_};
  }

  /// Ends the update with the result `ec` if it is in the phase `of`.
  void end_update(phase of, std::error_code ec) {
    if (phase_ != of) return;
    result_ = ec;
    phase_ = phase::result_due;
  }

  phase phase_ = phase::starting;
  /// The number of instances that have not ended.
  std::size_t instances_ = 1;
  /// The number of updates that have not been completed.
  std::size_t updates_ = 0;
  /// The result of the update that is complete.
  std::error_code result_;
  /// Why the first instance that failed has ended.
  std::error_code error_;
  bool is_running_ = true;
  bool is_stopping_ = false;
  bool has_ended_ = false;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
