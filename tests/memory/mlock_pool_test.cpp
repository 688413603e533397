// Botan frees the memory of keys in destructors, where nothing may need memory.

#include "support/failing_allocator.hpp"

#include <rathole/crypto/botan/mlock_pool.hpp>

#include <doctest/doctest.h>

#include <botan/secmem.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace rathole::test {

namespace {

/// Runs before any test uses Botan.
[[maybe_unused]] const bool is_disabled = (crypto::disable_mlock_pool(), true);

}  // namespace

TEST_CASE("Botan frees the memory of keys without allocating any") {
  using key = Botan::secure_vector<std::uint8_t>;
  // Several hundred pages of Botan's pool, had it one.
  std::vector<key> keys;
  for (std::size_t size = 16; size <= 256; size += 16) {
    for (int i = 0; i < 500; ++i) keys.emplace_back(size);
  }
  failing_allocator memory(1, std::numeric_limits<std::uint64_t>::max() - 1);
  {
    const failing_allocator::armed now;
    for (key& each : keys) key().swap(each);
  }
  CHECK(memory.count() == 0);
}

}  // namespace rathole::test
