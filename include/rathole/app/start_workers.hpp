#pragma once

#include <rathole/app/operation_hooks.hpp>
#include <rathole/core/error.hpp>
#include <rathole/version.hpp>

#include <cstddef>
#include <expected>
#include <string>
#include <system_error>

namespace rathole::app::inline RATHOLE_ABI {

/// Has `instances`, an `embed::instance_owner`, use as many worker threads as `count`, the setting, says.
/// Fails with the reason and what to do about it, and then the number is unchanged.
template <class Instances>
std::expected<void, start_failure> start_workers(Instances& instances, std::size_t count) {
  try {
    instances.use_workers(count);
  } catch (const std::system_error& error) {
    return std::unexpected(start_failure{
        make_error_code(errc::invalid_settings),
        std::string("Failed to start the worker threads: ") + error.what() +
            "; set fewer `workers`, or raise the limits of open files and threads (`ulimit -n`, "
            "`ulimit -u`)"});
  }
  return {};
}

}  // namespace rathole::app::inline RATHOLE_ABI
