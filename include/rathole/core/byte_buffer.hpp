#pragma once

#include <rathole/core/bytes.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <vector>

namespace rathole {

/// A queue of octets: appended at the back, consumed at the front. Memory is kept for reuse, and
/// the consumed part is reclaimed before the buffer grows.
class byte_buffer {
 public:
  /// The octets that are in the queue; valid until the next non-const call.
  [[nodiscard]] byte_view data() const { return byte_view(bytes_).subspan(begin_); }
  [[nodiscard]] std::size_t size() const { return bytes_.size() - begin_; }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// Adds `in` at the back. `in` must not point into this buffer.
  void append(byte_view in) {
    reclaim();
    bytes_.insert(bytes_.end(), in.begin(), in.end());
  }

  /// Adds octets from the front of `in` until the queue holds `limit`; returns how many it added.
  std::size_t append_up_to(std::size_t limit, byte_view in) {
    const std::size_t room = limit - std::min(limit, size());
    const byte_view taken = in.first(std::min(room, in.size()));
    append(taken);
    return taken.size();
  }

  /// Moves everything to the back of `out`; true if there was anything.
  bool drain_into(byte_buffer& out) {
    if (empty()) return false;
    out.append(data());
    clear();
    return true;
  }

  /// Drops `count` octets at the front; `count` is at most `size()`.
  void consume(std::size_t count) {
    assert(count <= size());
    begin_ += count;
    if (begin_ == bytes_.size()) clear();
  }

  /// Empties the queue and keeps its memory.
  void clear() {
    bytes_.clear();
    begin_ = 0;
  }

 private:
  void reclaim() {
    if (begin_ < bytes_.size() - begin_) return;
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }

  std::vector<std::uint8_t> bytes_;
  std::size_t begin_ = 0;
};

}  // namespace rathole
