#pragma once

#include <botan/build.h>

#include <cstdlib>

#if BOTAN_VERSION_MAJOR >= 3
#include <botan/secmem.h>

#include <cstddef>
#endif

namespace rathole::crypto {

#if BOTAN_VERSION_MAJOR >= 3
namespace detail {

/// Takes all of Botan's pool of locked memory, and never gives it back, so that keys are in ordinary
/// memory. Where less than the default may be locked, the rest of it is ordinary memory.
inline void occupy_mlock_pool() {
  // The largest allocation that the pool serves, and what it locks by default.
  constexpr std::size_t block_size = 256;
  constexpr std::size_t pool_size = std::size_t{512} * 1024;
  // Each block points to the one before, so that none counts as leaked.
  static void* last = nullptr;
  for (std::size_t left = pool_size / block_size; left > 0; --left) {
    void** const block = static_cast<void**>(Botan::allocate_memory(block_size, 1));
    *block = last;
    last = block;
  }
}

}  // namespace detail
#endif

/// Lets Botan keep keys in ordinary memory, unless the environment variable `BOTAN_MLOCK_POOL_SIZE`
/// says how many bytes of locked memory it may use. Otherwise Botan locks 512 KiB, and freeing
/// memory of that pool may itself need memory: without any, Botan ends the program. Botan 3 locks
/// the memory when the program is loaded, so this occupies it; Botan 2 does so at its first use, so
/// this prevents it. Must be called before Botan is used and before there are threads, for it changes
/// the environment. Throws `std::bad_alloc`. Source: Botan handbook, "Memory container".
inline void disable_mlock_pool() {
  if (::getenv("BOTAN_MLOCK_POOL_SIZE")) return;
  ::setenv("BOTAN_MLOCK_POOL_SIZE", "0", 0);
#if BOTAN_VERSION_MAJOR >= 3
  detail::occupy_mlock_pool();
#endif
}

}  // namespace rathole::crypto
