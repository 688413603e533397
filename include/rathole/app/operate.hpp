#pragma once

#include <rathole/app/operation_hooks.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/source.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#if RATHOLE_WITH_ADMIN
#include <rathole/app/operations.hpp>
#endif

#include <atomic>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#if !RATHOLE_WITH_ADMIN

namespace rathole::app {

class log_outputs;

}  // namespace rathole::app

namespace rathole::app::inline RATHOLE_ABI {

/// Stands for the admin API in a program that does not contain it; see the `operations` of one that does.
template <class Block>
class operations {
 public:
  /// Makes an object that does nothing.
  operations(const io::executor&, const std::string&, log_outputs&, const operation_hooks&) {}
  /// Does nothing.
  std::expected<void, start_failure> use(const Block&, const config::source&) { return {}; }
  /// Returns false.
  [[nodiscard]] bool is_enabled() const { return false; }
  /// Returns false.
  [[nodiscard]] bool is_draining() const { return false; }
  /// Returns null.
  [[nodiscard]] std::shared_ptr<const std::atomic<bool>> draining() const { return nullptr; }
  /// Does nothing.
  void started() {}
  /// Does nothing.
  void set_unready(const std::string&) {}
  /// Does nothing.
  void stopping() {}
  /// Does nothing.
  void reload_begins() {}
  /// Does nothing.
  void reload_applied() {}
  /// Does nothing.
  void reload_unchanged() {}
  /// Does nothing.
  void reload_invalid(const std::vector<config::problem>&, const std::string&) {}
  /// Does nothing.
  void reload_failed(const std::string&) {}
  /// Does nothing.
  void stop() {}
};

}  // namespace rathole::app::inline RATHOLE_ABI

#endif
