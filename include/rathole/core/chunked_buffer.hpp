#pragma once

#include <rathole/core/bytes.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace rathole {

/// Queues bytes in chunks: they are appended at the back and consumed at the front. Unlike a
/// `byte_buffer` it never moves bytes, and its memory follows what it holds: that many bytes and at
/// most two chunks, and none at all while it is empty.
class chunked_buffer {
 public:
  /// The most bytes in one chunk.
  static constexpr std::size_t chunk_size = 8 * 1024;

  /// Makes an empty buffer that owns no memory.
  chunked_buffer() = default;
  /// Takes the bytes of `other`, which becomes empty.
  chunked_buffer(chunked_buffer&& other) noexcept { swap(other); }
  /// Replaces the bytes by those of `other`, which becomes empty.
  chunked_buffer& operator=(chunked_buffer&& other) noexcept {
    chunked_buffer(std::move(other)).swap(*this);
    return *this;
  }
  /// Frees the memory.
  ~chunked_buffer() { clear(); }

  /// Returns the number of bytes in the queue.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Returns whether the queue holds no bytes.
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Returns how many bytes fit into the chunks that the buffer owns.
  [[nodiscard]] std::size_t capacity() const { return chunks_ * chunk_size; }

  /// Appends `in`, which must not point into this buffer. If `std::bad_alloc` is thrown, a part may
  /// have been appended.
  void append(byte_view in) {
    while (!in.empty()) {
      const byte_span room = prepare();
      const std::size_t count = std::min(room.size(), in.size());
      std::memcpy(room.data(), in.data(), count);
      commit(count);
      in = in.subspan(count);
    }
  }

  /// Returns space at the back, 1 to `chunk_size` bytes with unspecified content. Write to it, then
  /// call `commit`; any other non-const call invalidates it.
  byte_span prepare() {
    if (!back_ || back_->end == chunk_size) {
      auto added = std::make_unique<chunk>();
      chunk* const last = added.get();
      (back_ ? back_->next : front_) = std::move(added);
      back_ = last;
      ++chunks_;
    }
    return std::span(back_->bytes).subspan(back_->end);
  }

  /// Appends the first `count` bytes of the space that `prepare` returned.
  void commit(std::size_t count) {
    assert(back_ && count <= chunk_size - back_->end);
    back_->end += count;
    size_ += count;
    if (size_ == 0) clear();
  }

  /// Returns the bytes at the front that are in one piece; none only if the queue is empty. The view
  /// is valid until the next call of `consume` or `clear`.
  [[nodiscard]] byte_view front() const { return front_ ? front_->held() : byte_view(); }

  /// Stores views of the bytes at the front in `out`, in order, as many as fit, for a write that
  /// gathers; returns how many it stored. They are valid like `front()`.
  std::size_t gather(std::span<byte_view> out) const {
    std::size_t count = 0;
    for (const chunk* at = front_.get(); at && count < out.size(); at = at->next.get()) {
      if (!at->held().empty()) out[count++] = at->held();
    }
    return count;
  }

  /// Removes `count` bytes from the front; `count` must be at most `size()`.
  void consume(std::size_t count) {
    assert(count <= size_);
    size_ -= count;
    if (size_ == 0) return clear();
    while (count >= front_->held().size()) {
      count -= front_->held().size();
      drop_front();
    }
    front_->begin += count;
  }

  /// Removes all bytes and frees the memory.
  void clear() {
    // One after the other: each one's destructor would otherwise call that of the next one.
    while (front_) drop_front();
    back_ = nullptr;
    size_ = 0;
  }

  /// Exchanges the contents of two buffers.
  void swap(chunked_buffer& other) noexcept {
    std::swap(front_, other.front_);
    std::swap(back_, other.back_);
    std::swap(chunks_, other.chunks_);
    std::swap(size_, other.size_);
  }

 private:
  struct chunk {
    // User-provided, so that making a chunk does not fill it with zeros.
    chunk() {}  // NOLINT(modernize-use-equals-default)

    std::unique_ptr<chunk> next;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::array<std::uint8_t, chunk_size> bytes;

    [[nodiscard]] byte_view held() const { return byte_view(bytes).subspan(begin, end - begin); }
  };

  void drop_front() {
    front_ = std::move(front_->next);
    --chunks_;
  }

  std::unique_ptr<chunk> front_;
  chunk* back_ = nullptr;
  std::size_t chunks_ = 0;
  std::size_t size_ = 0;
};

}  // namespace rathole
