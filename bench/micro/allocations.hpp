#pragma once

#include <cstdint>

namespace rathole::bench {

/// How often `operator new` was called so far.
std::uint64_t allocations();

}  // namespace rathole::bench
