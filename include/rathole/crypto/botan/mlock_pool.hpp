#pragma once

#include <cstdlib>

namespace rathole::crypto {

/// Lets Botan keep keys in ordinary memory, unless the environment variable `BOTAN_MLOCK_POOL_SIZE`
/// says how many bytes of locked memory it may use. Otherwise Botan locks 512 KiB, and freeing
/// memory of that pool may itself need memory: without any, Botan ends the program. Must be called
/// before Botan is used and before there are threads, for it changes the environment. Source:
/// Botan handbook, "Memory container".
inline void disable_mlock_pool() { ::setenv("BOTAN_MLOCK_POOL_SIZE", "0", 0); }

}  // namespace rathole::crypto
