#pragma once

#include <rathole/io/relay/status.hpp>
#include <rathole/io/relay/stop.hpp>

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
    return running_ ? bytes_of(*running_) : last_;
  }

  /// Resets both sides of the connection soon. Does nothing if it has ended.
  void abort() {
    const std::lock_guard held(guard_);
    is_aborted_ = true;
    if (stop_) stop_->request();
  }

  /// Returns whether `abort` was called.
  [[nodiscard]] bool is_aborted() const {
    const std::lock_guard held(guard_);
    return is_aborted_;
  }

  /// Records that a relay runs whose first stream is that of the visitor. `counts` and `stop` must exist
  /// until `ended`. Called on the relay's thread.
  void began(const relay_status& counts, relay_stop& stop) {
    const std::lock_guard held(guard_);
    running_ = &counts;
    stop_ = &stop;
    if (is_aborted_) stop.request();
  }

  /// Records that the relay does not run any more. Called on its thread.
  void ended() {
    const std::lock_guard held(guard_);
    last_ = bytes_of(*running_);
    running_ = nullptr;
    stop_ = nullptr;
  }

 private:
  static carried_bytes bytes_of(const relay_status& of) {
    return {.received = of.forth, .sent = of.back};
  }

  /// One for all connections: each holds it for moments, and there may be very many connections.
  inline static std::mutex guard_;

  const relay_status* running_ = nullptr;
  relay_stop* stop_ = nullptr;
  bool is_aborted_ = false;
  carried_bytes last_;
};

/// Lets those who follow a connection see its bytes and reset it: a `ConnectionWatch`.
struct live_watch {
  /// The connection; null if nobody follows it.
  std::shared_ptr<live_connection> live;

  /// Records that a relay runs.
  void began(const relay_status& counts, relay_stop& stop) {
    if (live) live->began(counts, stop);
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
