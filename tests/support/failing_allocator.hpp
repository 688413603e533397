#pragma once

#include <cstddef>
#include <cstdint>

namespace rathole::test {

/// Returns how many bytes the calling thread has from `operator new` and has not given back.
std::ptrdiff_t allocated_bytes();

/// Watches the allocations of the calling thread by `operator new`, of which some fail. It is the
/// executable's own operator: `memory/failing_allocator.cpp`. Outside of `armed` scopes allocations
/// neither count nor fail, so that only the code under test meets the failure; nor do those that a
/// simulated network makes for itself (`sim::own_memory`).
class failing_allocator {
 public:
  /// The allocation number `failing` fails, and those behind it as far as `count` goes; none if
  /// `failing` is 0.
  explicit failing_allocator(std::uint64_t failing, std::uint64_t count = 1);
  failing_allocator(const failing_allocator&) = delete;
  failing_allocator& operator=(const failing_allocator&) = delete;
  ~failing_allocator();

  /// Allocations so far.
  [[nodiscard]] std::uint64_t count() const;
  /// Whether that allocation was reached.
  [[nodiscard]] bool has_failed() const;

  /// As long as it lives allocations count.
  class armed {
   public:
    armed();
    armed(const armed&) = delete;
    armed& operator=(const armed&) = delete;
    ~armed();
  };

  /// As long as it lives they do not, whatever is armed: for what the test does in the middle of it.
  class spared {
   public:
    spared();
    spared(const spared&) = delete;
    spared& operator=(const spared&) = delete;
    ~spared();
  };
};

}  // namespace rathole::test
