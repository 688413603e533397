#pragma once

#include <rathole/io/run/event.hpp>
#include <rathole/io/task.hpp>

#include <list>
#include <utility>

namespace rathole::admin {

/// The turn of an edit. The thread is one, but an edit waits for its reload.
class edit_turn {
 public:
  /// Puts the turn behind those in `turns`, which must outlive it. It waits on `here`.
  edit_turn(std::list<io::event*>& turns, const io::executor& here)
      : turns_(turns), came_(here), place_(turns_.insert(turns_.end(), &came_)) {}
  edit_turn(const edit_turn&) = delete;
  edit_turn& operator=(const edit_turn&) = delete;
  ~edit_turn() {
    if (place_ != turns_.end()) turns_.erase(place_);
  }

  /// Returns once the turns before it have passed.
  io::awaitable<void> wait() {
    while (turns_.front() != &came_) co_await came_.wait();
  }
  /// Lets the next edit begin, soon.
  void pass() {
    turns_.erase(std::exchange(place_, turns_.end()));
    if (!turns_.empty()) turns_.front()->notify();
  }

 private:
  std::list<io::event*>& turns_;
  io::event came_;
  std::list<io::event*>::iterator place_;
};

}  // namespace rathole::admin
