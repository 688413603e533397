#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/constants.hpp>
#include <rathole/protocol/messages.hpp>

#include <cstddef>
#include <optional>

namespace rathole::protocol {

/// Splits what arrives on a UDP data channel into frames. The caller reads into `room()`, then
/// calls `next()` until it returns nothing; then it may read again. The payloads of the frames are
/// views of the buffer.
///
/// The reader holds no more than one incomplete frame and what one read added after it. After an
/// error every `next()` fails.
template <Codec C = bincode>
class udp_frame_reader {
 public:
  /// The size of `room()`, in bytes.
  static constexpr std::size_t read_size = std::size_t{64} * 1024;

  /// Returns the space to read into. Frames that were returned before become invalid.
  byte_span room() { return in_.prepare(read_size); }

  /// Records that `count` bytes were read into the front of `room()`.
  void received(std::size_t count) { in_.commit(count); }

  /// Returns the next frame, valid until `room()` is called; nothing if it is incomplete. Fails
  /// with the errors of the codec.
  result<std::optional<udp_frame>> next() {
    in_.consume(taken_);
    taken_ = 0;
    auto frame = C::decode_udp_frame(in_.data());
    if (frame && *frame) taken_ = (*frame)->size;
    return frame;
  }

  /// Returns whether a frame has begun and is incomplete.
  [[nodiscard]] bool is_within_frame() const { return in_.size() > taken_; }

  /// Frees the memory unless a frame is incomplete.
  void trim() {
    if (!is_within_frame()) {
      in_.free_memory();
      taken_ = 0;
    }
  }

 private:
  byte_buffer in_;
  /// The size of the frame that was returned last, in bytes.
  std::size_t taken_ = 0;
};

}  // namespace rathole::protocol
