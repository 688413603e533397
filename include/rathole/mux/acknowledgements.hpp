#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>
#include <rathole/mux/frame.hpp>

#include <optional>
#include <set>

namespace rathole::mux {

/// The streams of the peer that have not been acknowledged. The acknowledgement of a stream travels
/// with its first frame, or after `acknowledgement_delay` in one of its own, but not before the peer
/// is authenticated.
class acknowledgements {
 public:
  /// Adds a stream.
  void add(stream_id id, time_point now) {
    if (!due_at_) due_at_ = now + acknowledgement_delay;
    streams_.insert(id);
  }

  /// Removes a stream, because it is acknowledged or gone.
  void remove(stream_id id) {
    streams_.erase(id);
    if (streams_.empty()) due_at_.reset();
  }

  /// Returns the first stream if one has waited long enough at `now`, or too many wait; all are to
  /// be acknowledged then, and removed.
  [[nodiscard]] std::optional<stream_id> first_due(time_point now) {
    if (streams_.size() > max_delayed_acknowledgements) due_at_ = now;
    if (!due_at_ || now < *due_at_) return std::nullopt;
    return *streams_.begin();
  }

  /// Returns when an acknowledgement is due.
  [[nodiscard]] std::optional<time_point> deadline() const { return due_at_; }

 private:
  std::set<stream_id> streams_;
  std::optional<time_point> due_at_;
};

}  // namespace rathole::mux
