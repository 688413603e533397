#pragma once

#include <rathole/core/event_sink.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/asio_timer.hpp>

#include <malloc.h>

#include <chrono>
#include <cstddef>

namespace rathole::app {

/// Gives memory back to the system after a burst of connections: glibc keeps what is freed, except
/// at the end of its heap. An observer between an instance and its log: what is told is passed on,
/// and some time after it the heap is looked at. While nothing happens, nothing is done.
template <class Observer>
class heap_trimmer {
 public:
  /// Between something that happened and the look at the heap.
  static constexpr std::chrono::seconds delay{2};
  /// Free memory that is not worth giving back.
  static constexpr std::size_t kept = std::size_t{64} << 10;

  /// `next` outlives the trimmer.
  heap_trimmer(io::executor ex, Observer& next) : next_(next), timer_(ex) {}

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

  /// Ends the wait, if there is one, so that it keeps nobody from ending.
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
