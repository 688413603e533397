#pragma once

namespace rathole::sim {

/// Marks what a thread allocates, as long as one lives there, as the simulation's own. An allocator
/// that fails on purpose, to show what programs do about it, spares these allocations: the simulated
/// network stands for a system that goes on.
class own_memory {
 public:
  own_memory() { ++depth_; }
  own_memory(const own_memory&) = delete;
  own_memory& operator=(const own_memory&) = delete;
  ~own_memory() { --depth_; }

  /// Whether one lives on the calling thread.
  [[nodiscard]] static bool in_use() { return depth_ > 0; }

 private:
  inline static constinit thread_local int depth_ = 0;
};

}  // namespace rathole::sim
