#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace rathole::mux {

/// How much a peer may send on one stream. Three numbers describe it, in bytes: the size that the
/// window is to have, the credit that the peer still has, and what it has sent and the owner has
/// not consumed.
class receive_window {
 public:
  /// Makes a window whose size and credit are `initial`.
  receive_window(std::uint32_t initial, time_point now)
      : initial_(initial), size_(initial), credit_(initial), measured_from_(now), used_at_(now) {}

  /// Returns the size that the window is to have.
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Returns how much the peer may still send.
  [[nodiscard]] std::uint32_t credit() const { return credit_; }
  /// Returns how much has arrived, or is about to arrive in the current frame, and has not been
  /// consumed.
  [[nodiscard]] std::uint32_t unread() const { return unread_; }
  /// Returns the memory that the peer may make the owner use: credit that was given cannot be
  /// taken back.
  [[nodiscard]] std::uint32_t footprint() const { return std::max(size_, credit_ + unread_); }
  /// Returns whether the window is larger than at the beginning.
  [[nodiscard]] bool has_grown() const { return size_ > initial_; }

  /// Records that the peer sends `count` bytes; returns false, and does nothing, if it may not.
  [[nodiscard]] bool take(std::uint32_t count, time_point now) {
    if (count > credit_) return false;
    credit_ -= count;
    unread_ += count;
    used_at_ = now;
    return true;
  }

  /// Records that the owner consumed `count` of the unread bytes.
  void consume(std::uint32_t count) {
    assert(count <= unread_);
    unread_ -= count;
    measured_ += count;
  }

  /// Returns whether the peer should get credit: at least half of the window was consumed.
  [[nodiscard]] bool is_update_due() const { return missing() > 0 && missing() >= size_ / 2; }

  /// Gives the peer the credit that it lacks, and returns how much that is.
  std::uint32_t grant() {
    const std::uint32_t added = missing();
    credit_ += added;
    return added;
  }

  /// Returns whether a whole window would have been consumed within two round trips, at the rate
  /// since the last call; a window that is at least twice what travels in a round trip does not
  /// slow the peer down.
  [[nodiscard]] bool was_consumed_fast(duration round_trip, time_point now) {
    const double elapsed = std::chrono::duration<double>(now - measured_from_).count();
    const double limit = 2 * std::chrono::duration<double>(round_trip).count();
    const bool is_fast = static_cast<double>(measured_) * limit >= size_ * elapsed;
    measured_ = 0;
    measured_from_ = now;
    return is_fast;
  }

  /// Doubles the size, up to `max_window`.
  void grow() { size_ = std::min(2 * size_, max_window); }

  /// Returns to the initial size if the peer has sent nothing for `unused_time`.
  void shrink_if_unused(time_point now) {
    if (now - used_at_ >= unused_time) size_ = initial_;
  }

 private:
  [[nodiscard]] std::uint32_t missing() const { return size_ - std::min(size_, credit_ + unread_); }

  std::uint32_t initial_;
  std::uint32_t size_;
  std::uint32_t credit_;
  std::uint32_t unread_ = 0;
  /// What was consumed since `measured_from_`.
  std::uint64_t measured_ = 0;
  time_point measured_from_;
  time_point used_at_;
};

}  // namespace rathole::mux
