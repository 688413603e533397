#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> count = 0;

}  // namespace

std::uint64_t rathole::bench::allocations() { return count; }

void* operator new(std::size_t size) {
  ++count;
  if (void* const out = std::malloc(size)) return out;
  throw std::bad_alloc();
}

void operator delete(void* bytes) noexcept { std::free(bytes); }
void operator delete(void* bytes, std::size_t) noexcept { std::free(bytes); }
