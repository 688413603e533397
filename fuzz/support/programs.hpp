#pragma once

#include <rathole/config/types.hpp>
#include <rathole/sim/world.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>

namespace rathole::fuzz {

/// A whole client or server in a simulation, which must outlive it.
class program {
 public:
  virtual ~program() = default;

  /// Stops it; if `now`, without a grace time for active connections.
  void stop(bool now) {
    is_stopping_ = true;
    do_stop(now);
  }
  [[nodiscard]] bool is_stopping() const { return is_stopping_; }

  /// Returns how it ended, once it has.
  [[nodiscard]] const std::optional<std::error_code>& ended() const { return *ended_; }

 protected:
  program() = default;
  // Shared with the running operation, which may last until the world is destroyed.
  std::shared_ptr<std::optional<std::error_code>> ended_ =
      std::make_shared<std::optional<std::error_code>>();

 private:
  virtual void do_stop(bool now) = 0;
  bool is_stopping_ = false;
};

/// The server on host "server": clients at port 2333, visitors of the service at port 5202.
std::unique_ptr<program> run_server(sim::world& world, std::size_t pool_size);

/// The client on host "client", whose service is at its own port 8080.
std::unique_ptr<program> run_client(sim::world& world);

}  // namespace rathole::fuzz
