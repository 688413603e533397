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

/// Cuts what arrives on a UDP data channel into frames. What is read goes to `room()`, and `next()`
/// yields frames whose payloads are views of it, until it yields nothing; then there is room again.
///
/// It holds no more than a frame that is not all there, and what was read behind it. After an error
/// there are only errors.
template <Codec C = bincode>
class udp_reader {
 public:
  /// Octets that there is room for.
  static constexpr std::size_t read_size = std::size_t{64} * 1024;

  /// Where to read to. Views of frames end here.
  byte_span room() { return in_.prepare(read_size); }

  /// `count` octets were read to the front of `room()`.
  void received(std::size_t count) { in_.commit(count); }

  /// The next frame, valid until `room()`; nothing if it is not all there. Fails as the codec does.
  result<std::optional<udp_frame>> next() {
    in_.consume(taken_);
    taken_ = 0;
    auto frame = C::decode_udp_frame(in_.data());
    if (frame && *frame) taken_ = (*frame)->size;
    return frame;
  }

  /// Whether a frame has begun and is not all there.
  [[nodiscard]] bool is_within_frame() const { return in_.size() > taken_; }

  /// Gives memory back while no frame has begun.
  void trim() {
    if (!is_within_frame()) {
      in_.release();
      taken_ = 0;
    }
  }

 private:
  byte_buffer in_;
  /// Octets of the frame that was yielded last.
  std::size_t taken_ = 0;
};

}  // namespace rathole::protocol
