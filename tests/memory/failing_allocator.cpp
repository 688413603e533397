#include "support/failing_allocator.hpp"

#include <rathole/sim/own_memory.hpp>

#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

namespace sim = rathole::sim;

struct watch {
  std::uint64_t count = 0;
  std::uint64_t failing = 0;
  std::uint64_t behind = 0;
  int armed = 0;
  int spared = 0;
  bool failed = false;
  std::ptrdiff_t bytes = 0;
};
constinit thread_local watch here;

bool fails() {
  if (here.armed == 0 || here.spared > 0 || sim::own_memory::in_use()) return false;
  if (++here.count < here.failing || here.count >= here.behind) return false;
  here.failed = true;
  return true;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (fails()) return nullptr;
  if (size == 0) size = 1;
  void* const at =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  here.bytes += static_cast<std::ptrdiff_t>(::malloc_usable_size(at));
  return at;
}

void release(void* at) noexcept {
  here.bytes -= static_cast<std::ptrdiff_t>(::malloc_usable_size(at));
  std::free(at);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* const at = allocate(size, alignment);
  if (at == nullptr) throw std::bad_alloc();
  return at;
}

constexpr std::size_t usual = alignof(std::max_align_t);

}  // namespace

namespace rathole::test {

std::ptrdiff_t allocated_bytes() { return here.bytes; }

failing_allocator::failing_allocator(std::uint64_t failing, std::uint64_t count) {
  here.count = 0;
  here.failing = failing;
  here.behind = failing == 0 ? 0 : failing + count;
  here.failed = false;
}
failing_allocator::~failing_allocator() { here.behind = 0; }
std::uint64_t failing_allocator::count() const { return here.count; }
bool failing_allocator::has_failed() const { return here.failed; }

failing_allocator::armed::armed() { ++here.armed; }
failing_allocator::armed::~armed() { --here.armed; }
failing_allocator::spared::spared() { ++here.spared; }
failing_allocator::spared::~spared() { --here.spared; }

}  // namespace rathole::test

void* operator new(std::size_t size) { return allocate_or_throw(size, usual); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, usual); }
void* operator new(std::size_t size, std::align_val_t to) {
  return allocate_or_throw(size, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t size, std::align_val_t to) {
  return allocate_or_throw(size, static_cast<std::size_t>(to));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, usual);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, usual);
}
void operator delete(void* at) noexcept { release(at); }
void operator delete[](void* at) noexcept { release(at); }
void operator delete(void* at, std::size_t) noexcept { release(at); }
void operator delete[](void* at, std::size_t) noexcept { release(at); }
void operator delete(void* at, std::align_val_t) noexcept { release(at); }
void operator delete[](void* at, std::align_val_t) noexcept { release(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { release(at); }
void operator delete[](void* at, std::size_t, std::align_val_t) noexcept { release(at); }
void operator delete(void* at, const std::nothrow_t&) noexcept { release(at); }
void operator delete[](void* at, const std::nothrow_t&) noexcept { release(at); }
