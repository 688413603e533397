#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/cursor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace rathole::fuzz {

/// Drives a `byte_buffer` with the fuzzer's input beside a plain queue, and reads it with a
/// `cursor`.
class buffer_run {
 public:
  void step(fuzz_input& in) {
    switch (in.below(10)) {
      case 0:
        buffer_.clear();
        model_.clear();
        break;
      case 1: {
        byte_buffer out;
        const bool any = !model_.empty();
        check(buffer_.drain_into(out) == any);
        check(std::ranges::equal(out.data(), model_));
        model_.clear();
        break;
      }
      case 2: {
        const std::size_t limit = in.byte();
        const byte_view more = in.bytes();
        const std::size_t room = limit - std::min(limit, model_.size());
        const std::size_t taken = buffer_.append_up_to(limit, more);
        check(taken == std::min(room, more.size()));
        model_.insert(model_.end(), more.begin(),
                      more.begin() + static_cast<std::ptrdiff_t>(taken));
        break;
      }
      case 3: {
        const byte_view more = in.bytes();
        buffer_.append(more);
        model_.insert(model_.end(), more.begin(), more.end());
        break;
      }
      case 4: {
        const std::size_t left = std::min<std::size_t>(in.byte(), model_.size());
        buffer_.truncate(left);
        model_.resize(left);
        break;
      }
      case 5: wipe(); break;
      case 6: replace(in.flag()); break;
      case 7: {
        // Of the space that is prepared, only what is committed is appended.
        const byte_view more = in.bytes();
        const byte_span room = buffer_.prepare(more.size() + in.below(64));
        check(room.size() >= more.size());
        std::ranges::copy(more, room.begin());
        buffer_.commit(more.size());
        model_.insert(model_.end(), more.begin(), more.end());
        break;
      }
      default: {
        const std::size_t count = std::min<std::size_t>(in.byte(), model_.size());
        read(buffer_.data(), count);
        buffer_.consume(count);
        model_.erase(model_.begin(), model_.begin() + static_cast<std::ptrdiff_t>(count));
        break;
      }
    }
    check(std::ranges::equal(buffer_.data(), model_));
    check(buffer_.size() == model_.size() && buffer_.empty() == model_.empty());
  }

 private:
  // After a wipe, the memory that held the bytes holds zeros.
  void wipe() {
    buffer_.wipe();
    const byte_span room = buffer_.prepare(model_.size());
    check(std::ranges::all_of(room, [](std::uint8_t each) { return each == 0; }));
    model_.clear();
  }

  // Replaces the buffer by a copy, which does not share memory with it, or by itself after a move.
  void replace(bool by_copy) {
    byte_buffer other;
    other = by_copy ? byte_buffer(buffer_) : std::move(buffer_);
    if (!by_copy) check(buffer_.empty());
    buffer_.free_memory();
    check(buffer_.empty());
    buffer_ = std::move(other);
  }

  // Reads a number, then a view of `count` bytes; too few bytes fail permanently.
  void read(byte_view from, std::size_t count) {
    cursor fields(from);
    const auto number = fields.number_le<std::uint32_t>();
    check(fields.ok() == (from.size() >= 4));
    for (std::size_t i = 0; i < 4; ++i) {
      check(static_cast<std::uint8_t>(number >> 8 * i) == (fields.ok() ? from[i] : 0));
    }
    const bool is_there = fields.ok() && fields.rest().size() >= count;
    check(fields.view(count).size() == (is_there ? count : 0));
    // Zero bytes can always be read.
    check(fields.ok() == is_there || count == 0);
    if (!fields.ok()) check(fields.rest().empty() && fields.byte() == 0 && !fields.ok());
  }

  byte_buffer buffer_;
  std::deque<std::uint8_t> model_;
};

}  // namespace rathole::fuzz
