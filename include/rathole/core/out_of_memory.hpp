#pragma once

#include <rathole/core/result.hpp>

#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

namespace rathole {

/// Returns `std::errc::not_enough_memory`, the error of an operation that could not allocate
/// memory.
inline std::error_code out_of_memory() noexcept {
  return std::make_error_code(std::errc::not_enough_memory);
}

/// Returns what `work()`, which returns a `result`, returns; if it throws `std::bad_alloc`, fails
/// with `out_of_memory()` instead.
template <class F>
std::invoke_result_t<F> catch_bad_alloc(F&& work) {
  try {
    return std::forward<F>(work)();
  } catch (const std::bad_alloc&) {
    return failure(out_of_memory());
  }
}

}  // namespace rathole
