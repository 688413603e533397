#pragma once

#include <rathole/config/types.hpp>
#include <rathole/sim/world.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>

namespace rathole::fuzz {

/// A whole client or server that runs in a world, which outlives it.
class program {
 public:
  virtual ~program() = default;

  /// Asks it to end; if `now`, without grace for what is being forwarded.
  void stop(bool now) {
    is_stopping_ = true;
    do_stop(now);
  }
  [[nodiscard]] bool is_stopping() const { return is_stopping_; }

  /// How it ended, once it has.
  [[nodiscard]] const std::optional<std::error_code>& ended() const { return *ended_; }

 protected:
  program() = default;
  // Belongs to the running operation too, which may end with the world only.
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
