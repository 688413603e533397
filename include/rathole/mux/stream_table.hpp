#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>
#include <rathole/mux/frame.hpp>
#include <rathole/mux/stream_state.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

namespace rathole::mux {

/// The streams of a session, and the sums over them that are bounded.
class stream_table {
 public:
  /// Returns the stream, or null if there is none with that id.
  [[nodiscard]] stream_state* find(stream_id id) {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : &found->second;
  }
  /// Returns the stream, or null if there is none with that id.
  [[nodiscard]] const stream_state* find(stream_id id) const {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : &found->second;
  }

  /// Adds a stream whose id is new. The reference is valid until the stream is removed.
  stream_state& add(stream_id id, const stream_state& state) {
    stream_state& added = streams_.emplace_hint(streams_.end(), id, state)->second;
    added.is_counted = true;
    sums& all = sums_[added.is_ours];
    ++all.total;
    ++all.open;
    if (added.is_limited) {
      ++all.limited_total;
      ++all.limited_open;
    }
    recount(added);
    return added;
  }

  /// Removes a stream, if it is there.
  void remove(stream_id id) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    stream_state& gone = found->second;
    set_over(gone);
    sums& all = sums_[gone.is_ours];
    --all.total;
    footprint_ -= gone.counted_footprint;
    unread_ -= gone.counted_unread;
    if (gone.is_limited) {
      --all.limited_total;
      limited_unread_ -= gone.counted_unread;
    }
    streams_.erase(found);
  }

  /// Removes all streams.
  void clear() { *this = stream_table(); }

  /// Counts a stream no longer as open, because both of its directions have ended: for the peer it
  /// does not exist any more, even if there is something unread.
  void set_over(stream_state& stream) {
    if (!stream.is_counted) return;
    stream.is_counted = false;
    --sums_[stream.is_ours].open;
    if (stream.is_limited) --sums_[stream.is_ours].limited_open;
  }

  /// Must be called after the window of `stream` has changed.
  void recount(stream_state& stream) {
    const std::uint32_t footprint = stream.window.footprint();
    const std::uint32_t unread = stream.window.unread();
    footprint_ += std::uint64_t{footprint} - stream.counted_footprint;
    unread_ += std::uint64_t{unread} - stream.counted_unread;
    if (stream.is_limited) limited_unread_ += std::uint64_t{unread} - stream.counted_unread;
    stream.counted_footprint = footprint;
    stream.counted_unread = unread;
  }

  /// Lifts the bounds of streams that were opened without authentication.
  void lift_limits() {
    for (auto& [id, stream] : streams_) stream.is_limited = false;
    for (sums& all : sums_) all.limited_open = all.limited_total = 0;
    limited_unread_ = 0;
  }

  /// Calls `use(stream)` for each stream.
  void for_each(auto use) {
    for (auto& [id, stream] : streams_) use(stream);
  }

  /// Returns the number of streams.
  [[nodiscard]] std::size_t size() const { return streams_.size(); }
  /// Returns whether one side may not open another stream, of which `most` may be open at once, and
  /// `max_unauthenticated_streams` without authentication. As many again may have ended without
  /// being consumed.
  [[nodiscard]] bool is_full(bool ours, std::size_t most, bool is_authenticated) const {
    const sums& all = sums_[ours];
    const bool is_limit_reached = all.limited_open >= max_unauthenticated_streams ||
                                  all.limited_total >= 2 * max_unauthenticated_streams;
    return all.open >= most || all.total >= 2 * most || (!is_authenticated && is_limit_reached);
  }
  /// Returns how many bytes have arrived, or are announced by a frame, and are not consumed.
  [[nodiscard]] std::uint64_t unread() const { return unread_; }
  /// Returns how many of these belong to streams that were opened without authentication.
  [[nodiscard]] std::uint64_t limited_unread() const { return limited_unread_; }
  /// Returns the memory, in bytes, that the peer can make the owner use by its windows.
  [[nodiscard]] std::uint64_t footprint() const { return footprint_; }

 private:
  struct sums {
    std::size_t total = 0;
    std::size_t open = 0;
    std::size_t limited_total = 0;
    std::size_t limited_open = 0;
  };

  // Ordered, because a peer chooses the ids and could make those of a hash table collide.
  std::map<stream_id, stream_state> streams_;
  /// Of the peer's streams, and of ours.
  std::array<sums, 2> sums_;
  std::uint64_t unread_ = 0;
  std::uint64_t limited_unread_ = 0;
  std::uint64_t footprint_ = 0;
};

}  // namespace rathole::mux
