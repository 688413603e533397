#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <system_error>
#include <vector>

namespace rathole::transport {

/// The time for which no connection is added to those that have room for streams after one could not
/// be dialled.
inline constexpr duration extra_connection_pause = std::chrono::seconds(10);

/// The time for which no connection is added to those that are full after one could not be dialled.
/// Streams wait for it, so it is short; but all services that have none dial, so that without it a
/// server or proxy that refuses would be dialled hundreds of times a second.
inline constexpr duration needed_connection_pause = std::chrono::seconds(1);

/// Remembers to which servers no connection could be added to those that multiplex, and why. Pure
/// bookkeeping: time is an argument. It remembers a server for `extra_connection_pause`.
class failed_dials {
 public:
  /// Records that no connection to `server` could be added, because of `error`.
  void failed(const address& server, std::error_code error, time_point now) {
    std::erase_if(all_, [&](const entry& each) {
      return each.server == server || now - each.at >= extra_connection_pause;
    });
    all_.push_back({server, error, now});
  }

  /// Records that a connection to `server` was added.
  void succeeded(const address& server) {
    std::erase_if(all_, [&](const entry& each) { return each.server == server; });
  }

  /// Returns whether the last failure is at least `pause` ago, at most `extra_connection_pause`.
  [[nodiscard]] bool may_dial(const address& server, duration pause, time_point now) const {
    const auto found = std::ranges::find(all_, server, &entry::server);
    return found == all_.end() || now - found->at >= pause;
  }

  /// Returns why the last dial failed; nothing if it is too long ago, or a later one has succeeded.
  [[nodiscard]] std::optional<std::error_code> why(const address& server, time_point now) const {
    const auto found = std::ranges::find(all_, server, &entry::server);
    if (found == all_.end() || now - found->at >= extra_connection_pause) return std::nullopt;
    return found->error;
  }

 private:
  struct entry {
    address server;
    std::error_code error;
    time_point at;
  };

  std::vector<entry> all_;
};

}  // namespace rathole::transport
