#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/endian.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace rathole::noise {

/// The length in front of each message. Compat: little-endian, as upstream's stream has it.
inline constexpr std::size_t prefix_size = 2;
/// The longest message (Noise section 3).
inline constexpr std::size_t max_message_size = 65535;

/// Cuts a stream into messages. It keeps what there is of an unfinished one, and nothing else: a
/// message that is whole in the input is not copied.
class frame_reader {
 public:
  /// The next message, from the front of `in`, which is shortened by what was taken of it; nothing
  /// if there is no whole one, and `in` is empty then. Valid until the next call.
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

  /// Whether there is an unfinished message.
  [[nodiscard]] bool in_the_midst() const { return !taken_ && !partial_.empty(); }

  /// Gives memory back that is not in use.
  void trim() {
    if (!in_the_midst()) partial_.release();
    taken_ = false;
  }

 private:
  static std::size_t message_size(byte_view in) {
    return load_le<std::uint16_t>(in.first<prefix_size>());
  }
  void take(byte_view& in, std::size_t whole) { in = in.subspan(partial_.append_up_to(whole, in)); }

  byte_buffer partial_;
  /// What is in `partial_` was handed out.
  bool taken_ = false;
};

}  // namespace rathole::noise
