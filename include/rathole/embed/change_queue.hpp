#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/version.hpp>

#include <deque>
#include <functional>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// What a change of the settings concerns.
enum class change_scope {
  /// All settings.
  everything,
  /// The settings of one service.
  one_service
};

/// A change of a `State` that waits or is being applied.
template <class State>
struct wanted_change {
  /// Edits a copy of the state, or returns why that is impossible.
  std::move_only_function<std::error_code(State&)> edit;
  /// Receives the outcome.
  completion<> done;
  /// What it concerns.
  change_scope scope = change_scope::everything;
};

/// The changes of a state, which are applied one after the other, each to what those before it have
/// left.
template <class State>
class change_queue {
 public:
  /// Appends a change, or completes it with an error if memory runs out.
  void push(wanted_change<State> next) {
    try {
      changes_.emplace_back();
    } catch (const std::bad_alloc&) {
      return next.done(out_of_memory());
    }
    changes_.back() = std::move(next);
  }

  /// Returns the oldest change, which is being applied from now on; null if there is none, or one is
  /// being applied already.
  wanted_change<State>* begin() {
    if (changes_.empty() || std::exchange(is_changing_, true)) return nullptr;
    return &changes_.front();
  }

  /// Removes the change that is being applied, and returns its completion.
  completion<> finish() {
    completion<> done = std::move(changes_.front().done);
    changes_.pop_front();
    is_changing_ = false;
    return done;
  }

  /// Destroys all changes without completing them.
  void drop() { const auto dropped = std::exchange(changes_, {}); }

 private:
  std::deque<wanted_change<State>> changes_;
  bool is_changing_ = false;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
