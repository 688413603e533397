#pragma once

#include <rathole/core/result.hpp>

#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

namespace rathole {

/// `std::errc::not_enough_memory` as an error of this library's operations.
inline std::error_code out_of_memory() noexcept {
  return std::make_error_code(std::errc::not_enough_memory);
}

/// Returns what `work()` returns, a `result`; memory that runs out in it is an error like any other,
/// `out_of_memory()`.
template <class F>
std::invoke_result_t<F> guard_memory(F&& work) {
  try {
    return std::forward<F>(work)();
  } catch (const std::bad_alloc&) {
    return failure(out_of_memory());
  }
}

}  // namespace rathole
