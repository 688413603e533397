#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/mux/flow.hpp>
#include <rathole/io/mux/limits.hpp>
#include <rathole/io/task.hpp>
#include <rathole/mux/frame.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <system_error>

namespace rathole::io {

/// The streams of a multiplexed connection that have not ended, by their numbers.
class mux_flow_table {
 public:
  /// A stream.
  using pointer = std::shared_ptr<mux_flow>;

  /// Returns the stream, or null if there is none with that number.
  [[nodiscard]] pointer find(mux::stream_id id) const {
    const auto found = flows_.find(id);
    return found == flows_.end() ? nullptr : found->second;
  }

  /// Adds a stream on `ex` whose number is new. If memory runs out, nothing changes.
  pointer add(mux::stream_id id, const executor& ex) {
    return flows_.emplace(id, std::make_shared<mux_flow>(id, ex)).first->second;
  }

  /// Removes a stream, if it is there.
  void remove(mux::stream_id id) { flows_.erase(id); }

  /// Returns whether both directions of all streams have ended.
  [[nodiscard]] bool are_over() const {
    return std::ranges::all_of(flows_, [](const auto& each) { return each.second->is_over(); });
  }

  /// Calls `use(stream)` for each stream that has not been closed from this side.
  void for_each_open(auto use) const {
    for (const auto& [id, each] : flows_) {
      if (each->is_open) use(*each);
    }
  }

  /// Removes the streams that have not been closed from this side, and lets them fail with `why`.
  void fail_open(std::error_code why) {
    std::erase_if(flows_, [&](const auto& each) {
      const bool was_open = each.second->is_open;
      // A handler closes the stream.
      if (was_open) each.second->fail(why);
      return was_open;
    });
  }

  /// Records that a stream was closed from this side.
  void closed(mux_flow& which, time_point now) {
    which.closed_at = now;
    if (!sweep_at_) sweep_at_ = now + mux_closed_stream_time;
  }

  /// Returns when `sweep` must be called.
  [[nodiscard]] std::optional<time_point> deadline() const { return sweep_at_; }

  /// Removes the streams that were closed `mux_closed_stream_time` ago, and calls `reset(id)` for
  /// each.
  void sweep(time_point now, auto reset) {
    if (!sweep_at_ || now < *sweep_at_) return;
    sweep_at_.reset();
    std::erase_if(flows_, [&](const auto& each) {
      if (each.second->is_open) return false;
      const time_point due = each.second->closed_at + mux_closed_stream_time;
      if (due <= now) {
        reset(each.first);
        return true;
      }
      sweep_at_ = std::min(sweep_at_.value_or(due), due);
      return false;
    });
    // Streams that are due at about the same time are looked at together.
    if (sweep_at_) sweep_at_ = std::max(*sweep_at_, now + mux_closed_stream_time / 4);
  }

 private:
  // Ordered, because a peer chooses the ids and could make those of a hash table collide.
  std::map<mux::stream_id, pointer> flows_;
  std::optional<time_point> sweep_at_;
};

}  // namespace rathole::io
