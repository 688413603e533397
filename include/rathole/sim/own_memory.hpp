#pragma once

namespace rathole::sim {

/// Marks the allocations of a thread as the simulation's own while an object of this class exists
/// on it. An allocator that fails on purpose, to test programs, must not fail these, because the
/// simulated network stands for a system that continues to work.
class own_memory {
 public:
  /// Starts to mark the allocations of the calling thread.
  own_memory() { ++depth_; }
  own_memory(const own_memory&) = delete;
  own_memory& operator=(const own_memory&) = delete;
  /// Stops marking them.
  ~own_memory() { --depth_; }

  /// Returns whether an object of this class exists on the calling thread.
  [[nodiscard]] static bool in_use() { return depth_ > 0; }

 private:
  inline static constinit thread_local int depth_ = 0;
};

}  // namespace rathole::sim
