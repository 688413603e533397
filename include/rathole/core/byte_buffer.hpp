#pragma once

#include <rathole/core/bytes.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace rathole {

/// A queue of octets: appended at the back, consumed at the front. Memory is kept for reuse, and
/// the consumed part is reclaimed before the buffer grows.
class byte_buffer {
 public:
  byte_buffer() = default;
  byte_buffer(const byte_buffer& other) { append(other.data()); }
  byte_buffer(byte_buffer&& other) noexcept { swap(other); }
  byte_buffer& operator=(byte_buffer other) noexcept {
    swap(other);
    return *this;
  }
  ~byte_buffer() = default;

  /// The octets that are in the queue; valid until the next non-const call.
  [[nodiscard]] byte_view data() const { return {bytes_.get() + begin_, size()}; }
  /// As `data()`, to be changed in place.
  [[nodiscard]] byte_span data() { return {bytes_.get() + begin_, size()}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// Adds `in` at the back. `in` must not point into this buffer.
  void append(byte_view in) {
    if (in.empty()) return;
    std::memcpy(prepare(in.size()).data(), in.data(), in.size());
    commit(in.size());
  }

  /// Room for `count` octets at the back, of any content; valid until the next non-const call but
  /// `commit`.
  byte_span prepare(std::size_t count) {
    if (capacity_ - end_ < count) make_room(count);
    return {bytes_.get() + end_, count};
  }

  /// Adds the first `count` octets of the room that was prepared.
  void commit(std::size_t count) {
    assert(count <= capacity_ - end_);
    end_ += count;
  }

  /// Adds `count` octets at the back, of any content, and returns them to be written to.
  byte_span extend(std::size_t count) {
    const byte_span added = prepare(count);
    commit(count);
    return added;
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
    if (begin_ == end_) clear();
  }

  /// Drops what is behind the first `size` octets; `size` is at most `size()`.
  void truncate(std::size_t size) {
    assert(size <= this->size());
    used_ = std::max(used_, end_);
    end_ = begin_ + size;
  }

  /// Empties the queue and keeps its memory.
  void clear() {
    used_ = std::max(used_, end_);
    begin_ = end_ = 0;
  }

  /// As `clear()`, and overwrites with zeros all bytes that were in this memory since the last
  /// `wipe()`. What the queue held before it moved to larger memory is not reached.
  void wipe() {
    clear();
    if (used_ > 0) std::memset(bytes_.get(), 0, std::exchange(used_, 0));
  }

  /// Empties the queue and gives its memory back.
  void release() { byte_buffer().swap(*this); }

  void swap(byte_buffer& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(used_, other.used_);
  }

 private:
  static constexpr std::size_t smallest = 64;

  void make_room(std::size_t count) {
    const std::size_t held = size();
    used_ = std::max(used_, end_);
    // What was consumed is worth moving the rest for if that is the smaller part.
    if (capacity_ - held >= count && begin_ >= held) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, held);
    } else {
      const std::size_t wanted = std::max({smallest, held + count, 2 * capacity_});
      auto grown = std::make_unique_for_overwrite<std::uint8_t[]>(wanted);
      if (held > 0) std::memcpy(grown.get(), bytes_.get() + begin_, held);
      bytes_ = std::move(grown);
      capacity_ = wanted;
      used_ = 0;
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  /// Bytes at the front of the memory that may have been written, but for those up to `end_`.
  std::size_t used_ = 0;
};

}  // namespace rathole
