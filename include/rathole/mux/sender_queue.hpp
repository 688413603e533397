#pragma once

#include <rathole/mux/constants.hpp>
#include <rathole/mux/frame.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>

namespace rathole::mux {

/// Decides which stream sends next: deficit round robin (Shreedhar and Varghese, 1995), in which a
/// stream that has just become ready has its first turn before those that go on sending, as in
/// FQ-CoDel (RFC 8290, section 4.2). So a short message does not wait behind downloads. No stream
/// starves: after `max_first_frames` frames of first turns another stream sends.
class sender_queue {
 public:
  /// How many frames of streams in their first turn may precede one of another stream.
  static constexpr int max_first_frames = 16;

  /// Makes a queue without streams.
  sender_queue() = default;
  /// Takes the streams of another queue.
  sender_queue(sender_queue&&) = default;
  /// Replaces the streams by those of another queue.
  sender_queue& operator=(sender_queue&&) = default;
  /// Frees the memory.
  ~sender_queue() = default;

  /// Records whether a stream has something to send and may.
  void set_ready(stream_id id, bool is_ready) {
    const auto found = turns_.find(id);
    if (found != turns_.end()) {
      if (found->second.is_ready == is_ready) return;
      found->second.is_ready = is_ready;
      ready_ += is_ready ? 1 : std::size_t(-1);
    } else if (is_ready) {
      // Without memory the stream has no turn, and no list has it.
      std::list<stream_id> added{id};
      turns_.try_emplace(id, turn{added.begin()});
      new_.splice(new_.end(), added);
      ++ready_;
    }
  }

  /// Forgets a stream.
  void remove(stream_id id) {
    const auto found = turns_.find(id);
    if (found == turns_.end()) return;
    if (found->second.is_ready) --ready_;
    (found->second.is_new ? new_ : old_).erase(found->second.place);
    turns_.erase(found);
  }

  /// Returns the stream whose turn it is; nothing if none is ready.
  std::optional<stream_id> next() {
    while (ready_ > 0) {
      const bool is_first_turn =
          !new_.empty() && (old_.empty() || first_frames_ < max_first_frames);
      std::list<stream_id>& queue = is_first_turn ? new_ : old_;
      const auto found = turns_.find(queue.front());
      turn& first = found->second;
      if (first.deficit <= 0) {
        first.deficit += shared_frame_size;
        move_to_back(first);
      } else if (first.is_ready) {
        return found->first;
      } else if (first.is_new) {
        move_to_back(first);
      } else {
        old_.pop_front();
        turns_.erase(found);
      }
    }
    return std::nullopt;
  }

  /// Records that a ready stream sends a frame with a payload of `count` bytes.
  void charge(stream_id id, std::uint32_t count) {
    const auto found = turns_.find(id);
    if (found == turns_.end()) return;
    found->second.deficit -= std::max(count, least_frame_cost);
    first_frames_ = found->second.is_new ? std::min(first_frames_ + 1, max_first_frames) : 0;
  }

  /// Returns how many streams are ready.
  [[nodiscard]] std::size_t ready() const { return ready_; }
  /// Returns how many streams it remembers.
  [[nodiscard]] std::size_t size() const { return turns_.size(); }

 private:
  struct turn {
    std::list<stream_id>::iterator place;
    std::int64_t deficit = shared_frame_size;
    bool is_new = true;
    bool is_ready = true;
  };

  void move_to_back(turn& which) {
    old_.splice(old_.end(), which.is_new ? new_ : old_, which.place);
    which.is_new = false;
  }

  std::map<stream_id, turn> turns_;
  std::list<stream_id> new_;
  std::list<stream_id> old_;
  std::size_t ready_ = 0;
  /// How many frames in a row streams in their first turn have sent; only compared with
  /// `max_first_frames`.
  int first_frames_ = 0;
};

}  // namespace rathole::mux
