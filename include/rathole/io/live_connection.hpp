#pragma once

#include <rathole/io/relay/running.hpp>

#include <cstdint>
#include <memory>
#include <mutex>

namespace rathole::io {

/// The bytes that a connection has carried.
struct carried_bytes {
  /// The bytes received from the visitor.
  std::uint64_t received = 0;
  /// The bytes sent to the visitor.
  std::uint64_t sent = 0;

  /// Compares all members.
  [[nodiscard]] bool operator==(const carried_bytes&) const = default;
};

/// A connection that is being forwarded, for those who want to see what it carries or to end it. Any
/// thread may use it, also when the connection has ended.
class live_connection {
 public:
  /// Makes an object for a connection that does not run yet.
  live_connection() = default;
  live_connection(const live_connection&) = delete;
  live_connection& operator=(const live_connection&) = delete;

  /// Returns what the connection has carried so far.
  [[nodiscard]] carried_bytes carried() const {
    const std::lock_guard held(guard_);
    return is_running_ ? bytes_of(*relay_) : last_;
  }

  /// Resets both sides of the connection soon. Does nothing if it has ended.
  void abort() {
    const std::lock_guard held(guard_);
    is_aborted_ = true;
    if (is_running_) relay_->stop.request();
  }

  /// Returns whether `abort` was called.
  [[nodiscard]] bool is_aborted() const {
    const std::lock_guard held(guard_);
    return is_aborted_;
  }

  /// Records that a relay runs whose first stream is that of the visitor. `relay` and what it refers to must
  /// exist until `ended`. Called on the relay's thread.
  void began(const running_relay& relay) {
    const std::lock_guard held(guard_);
    relay_ = &relay;
    is_running_ = true;
    if (is_aborted_) relay.stop.request();
  }

  /// Records that the relay does not run any more. Called on its thread.
  void ended() {
    const std::lock_guard held(guard_);
    last_ = bytes_of(*relay_);
    is_running_ = false;
  }

 private:
  static carried_bytes bytes_of(const running_relay& of) {
    return {.received = of.counts.forth, .sent = of.counts.back};
  }

  /// One for all connections: each holds it for moments, and there may be very many connections.
  inline static std::mutex guard_;

  // There may be very many of these objects, so one place has either.
  union {
    /// What was carried, while no relay runs.
    carried_bytes last_{};
    /// The relay, while it runs.
    const running_relay* relay_;
  };
  bool is_running_ = false;
  bool is_aborted_ = false;
};

/// Lets those who follow a connection see its bytes and reset it: a `ConnectionWatch`.
struct live_watch {
  /// The connection; null if nobody follows it.
  std::shared_ptr<live_connection> live;

  /// Records that a relay runs.
  void began(const running_relay& relay) {
    if (live) live->began(relay);
  }
  /// Records that it does not run any more.
  void ended() {
    if (live) live->ended();
  }
  /// Returns whether the connection must be reset.
  [[nodiscard]] bool is_aborted() const { return live && live->is_aborted(); }
};

/// What events say of a connection that nobody follows.
inline const std::shared_ptr<live_connection> no_live_connection;

}  // namespace rathole::io
