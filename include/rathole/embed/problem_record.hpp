#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/explain.hpp>
#include <rathole/version.hpp>

#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// Holds what was wrong with the last settings that could not be used. May be used by any thread.
class problem_record {
 public:
  /// Records the problems `found`, which may be none, of an operation that ended with `ec`.
  void note(std::vector<config::problem> found, std::error_code ec) {
    const std::lock_guard lock(mutex_);
    cause_ = found.empty() ? std::error_code() : ec;
    problems_ = std::move(found);
  }

  /// Does so for a client.
  void note(std::vector<config::problem> found, std::error_code ec, const config::client&) {
    note(std::move(found), ec);
  }

  /// Does so for a server with `settings`. If it has no problems but an error of the system, the
  /// problem is that it cannot listen.
  void note(std::vector<config::problem> found, std::error_code ec,
            const config::server& settings) {
    const bool is_of_system =
        ec.category() == std::system_category() || ec.category() == std::generic_category();
    if (ec && is_of_system && found.empty() && ec != std::errc::not_enough_memory) {
      found.push_back(listen_problem(settings, ec));
    }
    note(std::move(found), ec);
  }

  /// Records that two services have the name `service`; `path` is the key of the services.
  void note_two_services(const std::string& path, std::string_view service) {
    note({{.key = config::key_path(path, service),
           .what = "two services have this name",
           .remedy = "give each service a name of its own"}},
         errc::invalid_settings);
  }

  /// Records why an operation failed with `ec`, if the problems in `other` are the cause.
  void note_failure(std::error_code ec, const problem_record& other) {
    if (ec && other.is_cause_of(ec)) note(other.all(), ec);
  }

  /// Returns the problems.
  [[nodiscard]] std::vector<config::problem> all() const {
    const std::lock_guard lock(mutex_);
    return problems_;
  }

  /// Returns the text of `ec`: all problems, if they are the cause of it, otherwise its message.
  [[nodiscard]] std::string explain(std::error_code ec) const {
    return is_cause_of(ec) ? embed::explain(all()) : ec.message();
  }

 private:
  [[nodiscard]] bool is_cause_of(std::error_code ec) const {
    const std::lock_guard lock(mutex_);
    return ec && ec == cause_;
  }

  mutable std::mutex mutex_;
  std::vector<config::problem> problems_;
  // What operations failed with because of them.
  std::error_code cause_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
