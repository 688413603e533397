#pragma once

#include <rathole/io/relay/status.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>

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
  void abort() { cut_.request_stop(); }

  /// Returns the token that is requested by `abort`.
  [[nodiscard]] std::stop_token cut() const { return cut_.get_token(); }

  /// Records the relay that runs, whose first stream is that of the visitor; null before it is gone. Called
  /// on the relay's thread.
  void counts(const relay_status* running) {
    const std::lock_guard held(guard_);
    if (running_) last_ = bytes_of(*running_);
    running_ = running;
  }

 private:
  static carried_bytes bytes_of(const relay_status& of) {
    return {.received = of.forth, .sent = of.back};
  }

  /// One for all connections: each holds it for moments, and there may be very many connections.
  inline static std::mutex guard_;

  std::stop_source cut_;
  const relay_status* running_ = nullptr;
  carried_bytes last_;
};

/// Lets those who follow a connection see its bytes and reset it; see `io::no_watch`.
struct live_watch {
  /// The connection; null if nobody follows it.
  std::shared_ptr<live_connection> live;

  /// Records the counts.
  void counts(const relay_status* status) {
    if (live) live->counts(status);
  }
  /// Returns the token that is requested when the connection must be reset.
  [[nodiscard]] std::stop_token cut() const { return live ? live->cut() : std::stop_token(); }
};

/// What events say of a connection that nobody follows.
inline const std::shared_ptr<live_connection> no_live_connection;

}  // namespace rathole::io
