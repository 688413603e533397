#pragma once

#include <rathole/admin/snapshot.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/io/task.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// How a reload ended.
struct reload_outcome {
  /// What became of the configuration on the disk.
  enum class kind {
    /// Its changes are in use.
    applied,
    /// It is what is in use already.
    unchanged,
    /// It cannot be used; `problems` or `reason` says why.
    invalid,
    /// It is valid, but could not be applied; `reason` says why.
    failed,
    /// It can be read only once, or the program is stopping; `reason` says which.
    impossible
  };

  /// What became of it.
  kind what = kind::unchanged;
  /// What is wrong with it.
  std::vector<config::problem> problems = {};
  /// Why it was not used, if `problems` does not say.
  std::string reason = {};
};

/// The traffic of the last hour.
struct traffic {
  /// The time between two values, in seconds.
  unsigned interval = 10;
  /// The bytes from visitors in each interval, the oldest first.
  std::vector<std::uint64_t> received = {};
  /// The bytes to visitors in each interval.
  std::vector<std::uint64_t> sent = {};
  /// The connections at the end of each interval.
  std::vector<std::uint64_t> active = {};
  /// The time between two values of a service, in seconds.
  unsigned service_interval = 60;
  /// The bytes of each service in both directions.
  std::vector<std::pair<std::string, std::vector<std::uint64_t>>> services = {};
};

/// What the admin API shows and changes. All functions are called on the control plane.
class backend {
 public:
  /// Destroys the object.
  virtual ~backend() = default;

  /// Returns why the program is not ready; empty if it is. `needs_services` says whether it must also
  /// serve all its services: a server then has a client for each.
  [[nodiscard]] virtual std::string unready(bool needs_services) = 0;
  /// Returns what is known about the program.
  [[nodiscard]] virtual snapshot read() = 0;
  /// Returns at most `most` connections, the newest first; of one service or range of ports, if it is given.
  [[nodiscard]] virtual connection_list connections(const std::optional<std::string>& service,
                                                    std::size_t most) = 0;
  /// Returns the traffic of the last hour.
  [[nodiscard]] virtual traffic recent_traffic() = 0;
  /// Returns the settings in use, as JSON text without secrets.
  [[nodiscard]] virtual std::string settings_text() = 0;
  /// Resets a connection; returns whether there is one with the number `id`.
  virtual bool cut(std::uint64_t id) = 0;
  /// Records that the API has changed the service `name`, which was `how`: added, changed or removed.
  virtual void service_edited(const std::string& name, std::string_view how) = 0;
  /// Loads the configuration again, and returns what became of it once that is known.
  virtual io::awaitable<reload_outcome> reload() = 0;
  /// Refuses new visitors from now on, or accepts them again.
  virtual void drain(bool on) = 0;
  /// Returns the filter of the log as text.
  [[nodiscard]] virtual std::string log_level() = 0;
  /// Replaces the filter of the log; returns false if `text` is malformed.
  virtual bool set_log_level(std::string_view text) = 0;
};

}  // namespace rathole::admin
