#pragma once

#include <cstddef>
#include <utility>

namespace rathole::sim {

/// How many resources of a simulation are in use. A test that has stopped everything expects the
/// empty census: what is left has no owner any more.
struct census {
  /// Streams that were not closed, of both sides; also connections that wait to be accepted.
  std::size_t streams = 0;
  /// Acceptors that were not closed.
  std::size_t acceptors = 0;
  /// Timers that are armed.
  std::size_t timers = 0;
  /// UDP sockets that were not closed.
  std::size_t datagram_sockets = 0;

  [[nodiscard]] bool operator==(const census&) const = default;

  /// One unit of a count, for as long as it lives.
  class entry {
   public:
    explicit entry(std::size_t& count) : count_(&count) { ++count; }
    entry(entry&& from) noexcept : count_(std::exchange(from.count_, nullptr)) {}
    entry& operator=(entry&& from) noexcept {
      reset();
      count_ = std::exchange(from.count_, nullptr);
      return *this;
    }
    ~entry() { reset(); }

    /// Gives the unit back before the end of its life.
    void reset() {
      if (count_) --*std::exchange(count_, nullptr);
    }

   private:
    std::size_t* count_;
  };
};

}  // namespace rathole::sim
