#pragma once

#include <cstddef>
#include <cstdint>

namespace rathole::test {

/// Returns how many bytes the calling thread has from `operator new` and has not given back.
std::ptrdiff_t allocated_bytes();

/// Counts the allocations of the calling thread by `operator new`, and makes some fail. The
/// operator is defined in `memory/failing_allocator.cpp`. Outside of `armed` scopes allocations are
/// neither counted nor failed, so that only the code under test is affected; nor are those that the
/// simulated network makes for itself (`sim::own_memory`).
class failing_allocator {
 public:
  /// Makes `count` allocations fail, from number `failing` on; none if `failing` is 0.
  explicit failing_allocator(std::uint64_t failing, std::uint64_t count = 1);
  failing_allocator(const failing_allocator&) = delete;
  failing_allocator& operator=(const failing_allocator&) = delete;
  ~failing_allocator();

  /// Returns the number of allocations so far.
  [[nodiscard]] std::uint64_t count() const;
  /// Returns whether allocation `failing` was reached.
  [[nodiscard]] bool has_failed() const;

  /// Allocations count while an object exists.
  class armed {
   public:
    armed();
    armed(const armed&) = delete;
    armed& operator=(const armed&) = delete;
    ~armed();
  };

  /// Allocations do not count while an object exists, even inside `armed`: for the test's own work.
  class spared {
   public:
    spared();
    spared(const spared&) = delete;
    spared& operator=(const spared&) = delete;
    ~spared();
  };
};

}  // namespace rathole::test
