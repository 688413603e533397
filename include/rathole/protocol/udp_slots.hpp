#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/channel_requests.hpp>
#include <rathole/protocol/replacement_pauses.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace rathole::protocol {

/// The pauses before data channels of a UDP service are replaced if they are lost in a row.
inline constexpr backoff_parameters slot_backoff{replacement_pause, 0.2, 2.0,
                                                 max_replacement_pause};

/// The number of a slot; assigned by `udp_slots` and never reused.
using slot_id = std::uint64_t;

/// Decides how many data channels a UDP service has, and when a lost one is replaced, from the start
/// of a session to its end. It does no input or output and reads no clock.
///
/// The service has `size` slots for one data channel each:
///
/// | state    | event or time                        | next     |
/// |----------|--------------------------------------|----------|
/// | waiting  | `channel_arrived`                    | starting |
/// | starting | `started`                            | carrying |
/// | starting | `start_failed`, attempts are left    | waiting  |
/// | starting | `start_failed`, none is left         | pausing  |
/// | carrying | `channel_lost`                       | pausing  |
/// | pausing  | the pause is over                    | waiting  |
///
/// A slot that waits has a request outstanding, which is repeated after `default_request_timeout`.
/// There is no pause unless losses come in a row, of channels that existed for less than
/// `max_replacement_pause`. If there are more slots than `size`, a slot is given up when its
/// channel has started, or when its pause is over.
///
/// The owner reports what happens, and calls `poll` until it returns nothing, after each report and
/// at `deadline`. Reports that do not fit the state of the slot do nothing. Time never goes
/// backwards. The memory is bounded by the largest `size`. If memory runs out in a call, nothing
/// changes.
class udp_slots {
 public:
  /// Changes the number of slots. New slots wait for a channel.
  void set_size(std::size_t size) {
    if (has_ended_) return;
    slots_.reserve(size);
    size_ = size;
    while (slots_.size() < size) slots_.push_back({next_id_++});
  }

  /// Records that a data channel of the service's client has arrived, requested or not. Returns the
  /// slot that gets it: the owner starts the channel, and reports `started` or `start_failed`. If no
  /// slot waits, returns nothing, and the owner closes the channel.
  std::optional<slot_id> channel_arrived() {
    requests_.answered();
    const auto found = std::ranges::find(slots_, state::waiting, &slot::is);
    if (found == slots_.end()) return std::nullopt;
    found->is = state::starting;
    ++found->attempts;
    return found->id;
  }

  /// Records that the channel of a slot was started. Returns whether the slot still exists; if not,
  /// the owner closes the channel and reports no more of it.
  bool started(slot_id id) {
    const auto found = find(id, state::starting);
    if (found == slots_.end()) return false;
    if (slots_.size() > size_) {
      slots_.erase(found);
      return false;
    }
    found->is = state::carrying;
    return true;
  }

  /// Records that the channel of a slot was dead. After `max_start_attempts` in a row that counts as
  /// a loss. `rng` draws the pause.
  template <Rng R>
  void start_failed(slot_id id, time_point now, R& rng) {
    const auto found = find(id, state::starting);
    if (found == slots_.end()) return;
    if (found->attempts < max_start_attempts) {
      found->is = state::waiting;
    } else {
      pause(*found, now, duration::zero(), rng);
    }
  }

  /// Records that the channel of a slot has ended, `lived` after it was started. `rng` draws the
  /// pause.
  template <Rng R>
  void channel_lost(slot_id id, time_point now, duration lived, R& rng) {
    const auto found = find(id, state::carrying);
    if (found != slots_.end()) pause(*found, now, lived, rng);
  }

  /// Records that the session has ended. All slots are given up, and nothing is requested any more.
  /// Needs no memory.
  void stop() {
    has_ended_ = true;
    size_ = 0;
    slots_.clear();
    requests_.clear();
  }

  /// Returns the next action for the owner, or nothing.
  std::optional<request_channel> poll(time_point now) {
    end_pauses(now);
    requests_.forget_late(now, default_request_timeout);
    if (requests_.outstanding() >= count(state::waiting)) return std::nullopt;
    requests_.sent(now);
    return request_channel{};
  }

  /// Returns when `poll` must be called even if nothing is reported.
  [[nodiscard]] std::optional<time_point> deadline() const {
    auto out = requests_.deadline(default_request_timeout);
    for (const slot& each : slots_) {
      if (each.is != state::pausing) continue;
      out = std::min(out.value_or(each.pause_ends), each.pause_ends);
    }
    return out;
  }

  /// Returns how many slots there are, including surplus ones.
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  /// Returns how many slots wait or are being started, and how many requests are outstanding. No
  /// channel is idle.
  [[nodiscard]] channel_counts counts() const {
    return {count(state::waiting), count(state::starting), 0, requests_.outstanding()};
  }

 private:
  enum class state { waiting, starting, carrying, pausing };

  struct slot {
    slot_id id;
    state is = state::waiting;
    /// How many channels in a row did not start.
    unsigned attempts = 0;
    time_point pause_ends{};
  };

  /// Returns the slot if it exists and is in that state.
  [[nodiscard]] std::vector<slot>::iterator find(slot_id id, state in) {
    const auto found = std::ranges::find(slots_, id, &slot::id);
    return found != slots_.end() && found->is == in ? found : slots_.end();
  }

  [[nodiscard]] std::size_t count(state in) const {
    return static_cast<std::size_t>(std::ranges::count(slots_, in, &slot::is));
  }

  template <Rng R>
  void pause(slot& lost, time_point now, duration lived, R& rng) {
    const bool is_first = now >= row_ends_ || lived >= max_replacement_pause;
    row_ends_ = now + loss_window;
    if (is_first) retry_.reset();
    lost.is = state::pausing;
    lost.attempts = 0;
    lost.pause_ends = is_first ? now : now + retry_.next(rng);
  }

  void end_pauses(time_point now) {
    for (auto each = slots_.begin(); each != slots_.end();) {
      const bool is_over = each->is == state::pausing && each->pause_ends <= now;
      if (is_over && slots_.size() > size_) {
        each = slots_.erase(each);
        continue;
      }
      if (is_over) each->is = state::waiting;
      ++each;
    }
  }

  std::size_t size_ = 0;
  std::vector<slot> slots_;
  slot_id next_id_ = 0;
  channel_requests requests_;
  backoff retry_{slot_backoff};
  /// A loss before this time is in a row with the last one.
  time_point row_ends_ = time_point::min();
  bool has_ended_ = false;
};

}  // namespace rathole::protocol
