#pragma once

#include <rathole/core/observer.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/time/asio_timer.hpp>

#include <malloc.h>

#include <chrono>
#include <cstddef>

namespace rathole::app {

/// Returns memory to the system after a burst of connections, because glibc keeps freed memory
/// except at the end of its heap. It is an observer between an instance and its log: it passes
/// events on, and checks the heap some time after an event. Without events it does nothing.
template <class Observer>
class heap_trimmer {
 public:
  /// The time between an event and the check of the heap.
  static constexpr std::chrono::seconds delay{2};
  /// The amount of free memory that is kept, in bytes.
  static constexpr std::size_t kept = std::size_t{64} << 10;

  /// Makes a trimmer that passes events to `next`, which must outlive it.
  heap_trimmer(io::executor ex, Observer& next) : next_(next), timer_(ex) {}

  /// Passes `event` on, and schedules a check of the heap.
  template <class Event>
  void on(const Event& event) {
    notify(next_, event);
    if (armed_) return;
    armed_ = true;
    timer_.arm(clock::now() + delay, [this] {
      armed_ = false;
      trim();
    });
  }

  /// Cancels the check, so that it does not keep the context running.
  void cancel() { timer_.disarm(); }

 private:
  static void trim() {
#ifdef __GLIBC__
    if (::mallinfo2().fordblks > kept) ::malloc_trim(kept);
#endif
  }

  Observer& next_;
  io::asio_timer timer_;
  bool armed_ = false;
};

}  // namespace rathole::app
