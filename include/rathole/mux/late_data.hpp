#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace rathole::mux {

/// Bounds the data that arrives on streams which this side has reset or refused. The peer may use
/// the credit that it had until it learns of the reset, but has learnt of it when it answers a Ping
/// that was sent afterwards. Its writers may have been about to send a frame then, so what is
/// allowed ends with the second answer.
class late_data {
 public:
  /// Allows for another `credit` bytes: those that the peer could send on a stream when it was
  /// reset.
  void allow(std::uint32_t credit) { after_ping_ += credit; }

  /// Takes `count` bytes that arrive on closed streams; returns false if they cannot be late.
  [[nodiscard]] bool take(std::uint32_t count) {
    std::uint64_t left = count;
    if (left > oldest_ + before_ping_ + after_ping_) return false;
    for (std::uint64_t* allowed : {&oldest_, &before_ping_, &after_ping_}) {
      const std::uint64_t taken = std::min(left, *allowed);
      *allowed -= taken;
      left -= taken;
    }
    return true;
  }

  /// Records that a Ping is sent.
  void ping_sent() { before_ping_ += std::exchange(after_ping_, 0); }
  /// Records that the last Ping was answered.
  void ping_answered() { oldest_ = std::exchange(before_ping_, 0); }

 private:
  std::uint64_t oldest_ = 0;
  std::uint64_t before_ping_ = 0;
  std::uint64_t after_ping_ = 0;
};

}  // namespace rathole::mux
