#pragma once

#include <rathole/embed/instance.hpp>
#include <rathole/version.hpp>

#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// Why the program, or its admin API, cannot listen.
struct start_failure {
  /// The error.
  std::error_code error = {};
  /// The whole reason, and what to do about it.
  std::string text = {};
};

/// What the admin API has the program do. All functions are called on the control plane.
struct operation_hooks {
  /// Returns whether the configuration can be loaded again now; otherwise why not.
  std::function<std::optional<std::string>()> reload_obstacle;
  /// Loads the configuration again; `operations::reload_ended` follows.
  std::function<void()> reload;
  /// Accepts or refuses new visitors as `operations::is_draining` says.
  std::function<void()> apply_draining;
  /// Returns what the services of a server keep and wait for.
  std::function<std::vector<embed::service_pool>()> pools;
};

}  // namespace rathole::app::inline RATHOLE_ABI
