#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/cursor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace rathole::fuzz {

/// Drives a `byte_buffer` with the fuzzer's input beside a plain queue, and reads it with a
/// `cursor`.
class buffer_run {
 public:
  void step(fuzz_input& in) {
    switch (in.below(6)) {
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
