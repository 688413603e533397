#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/mux/frame.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace rathole::mux {

/// Separates the headers of a stream of frames from their payloads. It keeps at most a part of a
/// header; payloads are passed through without a copy.
class frame_reader {
 public:
  /// Returns how many bytes are missing until the end of the current header or payload; at least
  /// 1.
  [[nodiscard]] std::size_t wanted() const {
    return payload_left_ > 0 ? payload_left_ : header_size - held_;
  }

  /// Returns how many bytes of the current payload have not been taken.
  [[nodiscard]] std::uint32_t payload_left() const { return payload_left_; }

  /// Takes bytes from the front of `in` until a header is complete, which it returns; returns
  /// nothing if `in` ended before. The whole payload of the previous frame must have been taken.
  /// Fails as `decode` does.
  result<std::optional<frame_header>> header(byte_view& in) {
    const std::size_t count = std::min(in.size(), header_size - held_);
    std::ranges::copy(in.first(count), bytes_.begin() + static_cast<std::ptrdiff_t>(held_));
    in = in.subspan(count);
    held_ += count;
    if (held_ < header_size) return std::nullopt;
    held_ = 0;
    const result<frame_header> decoded = decode(bytes_);
    if (!decoded) return failure(decoded.error());
    payload_left_ = decoded->payload_size();
    return *decoded;
  }

  /// Takes bytes of the current payload from the front of `in`, as many as there are, and returns
  /// them.
  byte_view payload(byte_view& in) {
    const byte_view out = in.first(std::min<std::size_t>(in.size(), payload_left_));
    in = in.subspan(out.size());
    payload_left_ -= static_cast<std::uint32_t>(out.size());
    return out;
  }

 private:
  std::array<std::uint8_t, header_size> bytes_{};
  std::size_t held_ = 0;
  std::uint32_t payload_left_ = 0;
};

}  // namespace rathole::mux
