#pragma once

#include <cstddef>
#include <utility>

namespace rathole::sim {

/// Counts the resources of a simulation that are in use. A test that has stopped everything expects
/// all counts to be 0, because every remaining resource has no owner.
struct resource_counts {
  /// The streams of both sides that are not closed, including connections that wait to be accepted.
  std::size_t streams = 0;
  /// The acceptors that are not closed.
  std::size_t acceptors = 0;
  /// The timers that are armed.
  std::size_t timers = 0;
  /// The UDP sockets that are not closed.
  std::size_t datagram_sockets = 0;

  /// Compares all members.
  [[nodiscard]] bool operator==(const resource_counts&) const = default;

  /// Counts one resource while it exists.
  class entry {
   public:
    /// Adds one to `count`.
    explicit entry(std::size_t& count) : count_(&count) { ++count; }
    /// Takes over the unit of `from`.
    entry(entry&& from) noexcept : count_(std::exchange(from.count_, nullptr)) {}
    /// Subtracts its unit and takes over that of `from`.
    entry& operator=(entry&& from) noexcept {
      reset();
      count_ = std::exchange(from.count_, nullptr);
      return *this;
    }
    /// Subtracts its unit again.
    ~entry() { reset(); }

    /// Subtracts its unit before the end of its life.
    void reset() {
      if (count_) --*std::exchange(count_, nullptr);
    }

   private:
    std::size_t* count_;
  };
};

}  // namespace rathole::sim
