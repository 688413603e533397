#pragma once

#include <cstddef>
#include <new>

namespace rathole::fuzz {

/// The state of `operator new`, which `failing_memory.cpp` replaces; see `runs_out_of_memory`.
struct memory_state {
  bool is_limited = false;
  std::size_t left = 0;
};
inline memory_state allocations;

/// Calls `f`, in which all allocations after the first `left` fail. Returns whether one has failed,
/// so that `f` has ended with `std::bad_alloc`. The executable must have `failing_memory.cpp`.
template <class F>
bool runs_out_of_memory(std::size_t left, F f) {
  allocations = {true, left};
  try {
    f();
  } catch (const std::bad_alloc&) {
    allocations = {};
    return true;
  }
  allocations = {};
  return false;
}

}  // namespace rathole::fuzz
