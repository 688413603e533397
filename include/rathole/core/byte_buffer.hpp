#pragma once

#include <rathole/core/bytes.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace rathole {

/// Queues bytes: they are appended at the back and consumed at the front. The buffer keeps its
/// memory for reuse, and reclaims the consumed part before it grows.
class byte_buffer {
 public:
  /// Makes an empty buffer that owns no memory.
  byte_buffer() = default;
  /// Copies the bytes that `other` holds.
  byte_buffer(const byte_buffer& other) { append(other.data()); }
  /// Takes the bytes and the memory of `other`, which becomes empty.
  byte_buffer(byte_buffer&& other) noexcept { swap(other); }
  /// Replaces the bytes by those of `other`.
  byte_buffer& operator=(byte_buffer other) noexcept {
    swap(other);
    return *this;
  }
  /// Frees the memory.
  ~byte_buffer() = default;

  /// Returns the bytes in the queue; the view is valid until the next non-const call.
  [[nodiscard]] byte_view data() const { return {bytes_.get() + begin_, size()}; }
  /// Returns the bytes in the queue for modification in place; the view is valid as for the const
  /// overload.
  [[nodiscard]] byte_span data() { return {bytes_.get() + begin_, size()}; }
  /// Returns the number of bytes in the queue.
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  /// Returns whether the queue holds no bytes.
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// Appends `in`, which must not point into this buffer.
  void append(byte_view in) {
    if (in.empty()) return;
    std::memcpy(prepare(in.size()).data(), in.data(), in.size());
    commit(in.size());
  }

  /// Returns space for `count` bytes at the back, with unspecified content. Write to it, then call
  /// `commit`; any other non-const call invalidates it.
  byte_span prepare(std::size_t count) {
    if (capacity_ - end_ < count) make_room(count);
    return {bytes_.get() + end_, count};
  }

  /// Appends the first `count` bytes of the space that `prepare` returned.
  void commit(std::size_t count) {
    assert(count <= capacity_ - end_);
    end_ += count;
  }

  /// Appends `count` bytes with unspecified content and returns them to be written; the view is
  /// valid until the next non-const call.
  byte_span extend(std::size_t count) {
    const byte_span added = prepare(count);
    commit(count);
    return added;
  }

  /// Appends bytes from the front of `in` until the queue holds `limit` bytes; returns how many it
  /// appended.
  std::size_t append_up_to(std::size_t limit, byte_view in) {
    const std::size_t room = limit - std::min(limit, size());
    const byte_view taken = in.first(std::min(room, in.size()));
    append(taken);
    return taken.size();
  }

  /// Moves all bytes to the back of `out`; returns whether there were any.
  bool drain_into(byte_buffer& out) {
    if (empty()) return false;
    out.append(data());
    clear();
    return true;
  }

  /// Removes `count` bytes from the front; `count` must be at most `size()`.
  void consume(std::size_t count) {
    assert(count <= size());
    begin_ += count;
    if (begin_ == end_) clear();
  }

  /// Removes all bytes after the first `size`; `size` must be at most `size()`.
  void truncate(std::size_t size) {
    assert(size <= this->size());
    used_ = std::max(used_, end_);
    end_ = begin_ + size;
  }

  /// Removes all bytes and keeps the memory.
  void clear() {
    used_ = std::max(used_, end_);
    begin_ = end_ = 0;
  }

  /// Removes all bytes, keeps the memory, and overwrites with zeros everything written to it since
  /// the last `wipe()`. Memory that the buffer gave up when it grew is not overwritten.
  void wipe() {
    clear();
    if (used_ > 0) std::memset(bytes_.get(), 0, std::exchange(used_, 0));
  }

  /// Removes all bytes and frees the memory.
  void free_memory() { byte_buffer().swap(*this); }

  /// Exchanges the contents and the memory of two buffers.
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
    // Moving the rest to the front pays only while the rest is the smaller part.
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
  /// How many bytes from the start of the memory may have been written; bytes up to `end_` count
  /// even if this is smaller.
  std::size_t used_ = 0;
};

}  // namespace rathole
