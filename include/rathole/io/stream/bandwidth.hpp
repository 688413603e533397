#pragma once

#include <rathole/core/bandwidth_limit.hpp>
#include <rathole/core/byte_pacer.hpp>
#include <rathole/core/time.hpp>

#include <cstddef>
#include <mutex>

namespace rathole::io {

/// The bandwidth that the connections of a service share. All functions may be called by any thread.
class bandwidth {
 public:
  /// The direction of bytes.
  enum class way {
    /// From visitors.
    in,
    /// To visitors.
    out
  };

  /// Sets the limit, also for the connections that use it already.
  void set(const bandwidth_limit& limit) {
    const std::lock_guard held(guard_);
    in_.set_rate(limit.in);
    out_.set_rate(limit.out);
  }

  /// Returns how many bytes should be passed on at once; see `byte_pacer::portion`.
  [[nodiscard]] std::size_t portion(way of) {
    const std::lock_guard held(guard_);
    return pacer(of).portion();
  }

  /// Takes the tokens of `bytes` at `now`; returns when these may be passed on. See `byte_pacer::take`.
  [[nodiscard]] time_point take(way of, std::size_t bytes, time_point now) {
    const std::lock_guard held(guard_);
    return pacer(of).take(bytes, now);
  }

 private:
  byte_pacer& pacer(way of) { return of == way::in ? in_ : out_; }

  std::mutex guard_;
  byte_pacer in_;
  byte_pacer out_;
};

}  // namespace rathole::io
