#pragma once

#include <rathole/core/error.hpp>

#include <string>
#include <system_error>

namespace rathole::proxy {

/// Returns the category of errors that prevent a connection to the proxy. The value is an error
/// code of the system, or a negated `errc`; the name is "rathole.proxy.reach".
inline const std::error_category& unreachable_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.proxy.reach"; }
    std::string message(int value) const override {
      return value < 0 ? rathole::error_category().message(-value)
                       : std::system_category().message(value);
    }
  };
  static const category instance;
  return instance;
}

/// Returns the error of a connection whose proxy could not be reached because of `reason`.
/// `errc::stopped` is returned unchanged.
inline std::error_code unreachable(const std::error_code& reason) {
  if (reason == errc::stopped) return reason;
  if (reason.category() == rathole::error_category())
    return {-reason.value(), unreachable_category()};
  const bool is_system =
      reason.category() == std::system_category() || reason.category() == std::generic_category();
  if (!is_system) return {-static_cast<int>(errc::host_not_found), unreachable_category()};
  return {reason.value(), unreachable_category()};
}

}  // namespace rathole::proxy
