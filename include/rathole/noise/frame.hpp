#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/endian.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace rathole::noise {

/// The size of the length in front of each message, in bytes. Compat: the length is
/// little-endian, as in upstream.
inline constexpr std::size_t prefix_size = 2;
/// The size of the longest message (Noise section 3), in bytes.
inline constexpr std::size_t max_message_size = 65535;

/// Splits a stream into messages. It keeps only the bytes of an incomplete message; a message that
/// is complete in the input is not copied.
class frame_reader {
 public:
  /// Returns the next message, and removes what it took from the front of `in`. Returns nothing if
  /// the message is incomplete; `in` is empty then. The view is valid until the next call, and
  /// while the bytes of `in` exist.
  std::optional<byte_view> next(byte_view& in) {
    if (taken_) partial_.clear();
    taken_ = false;
    if (partial_.empty() && in.size() >= prefix_size) {
      const std::size_t size = message_size(in);
      if (in.size() >= prefix_size + size) {
        const byte_view message = in.subspan(prefix_size, size);
        in = in.subspan(prefix_size + size);
        return message;
      }
    }
    if (partial_.size() < prefix_size) take(in, prefix_size);
    if (partial_.size() < prefix_size) return std::nullopt;
    const std::size_t whole = prefix_size + message_size(partial_.data());
    take(in, whole);
    if (partial_.size() < whole) return std::nullopt;
    taken_ = true;
    return byte_view(partial_.data()).subspan(prefix_size);
  }

  /// Returns whether there is an incomplete message.
  [[nodiscard]] bool is_within_frame() const { return !taken_ && !partial_.empty(); }

  /// Frees the memory that is not in use. The message that was returned last becomes invalid.
  void trim() {
    if (!is_within_frame()) partial_.free_memory();
    taken_ = false;
  }

 private:
  static std::size_t message_size(byte_view in) {
    return load_le<std::uint16_t>(in.first<prefix_size>());
  }
  void take(byte_view& in, std::size_t whole) { in = in.subspan(partial_.append_up_to(whole, in)); }

  byte_buffer partial_;
  /// Whether the message in `partial_` has been returned.
  bool taken_ = false;
};

}  // namespace rathole::noise
