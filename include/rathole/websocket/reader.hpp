#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/websocket/frame.hpp>
#include <rathole/websocket/mask.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>

namespace rathole::websocket {

/// Splits received bytes, in pieces of any size, into frames. The bytes of Binary messages are
/// passed on as they arrive, so that no frame is ever held in memory.
class reader {
 public:
  /// The longest frame that is accepted, in bytes; as upstream.
  static constexpr std::uint64_t max_frame = 16 << 20;
  /// The longest message that is accepted, in bytes; as upstream.
  static constexpr std::uint64_t max_message = 64 << 20;

  /// A Close, Ping or Pong.
  struct control {
    /// The kind of the control frame.
    opcode op;
    /// The payload, valid until the next call of the reader.
    byte_view payload;
  };

  /// Makes a reader. `masked` says whether the peer must mask its frames; otherwise it must not
  /// (RFC 6455 section 5.1).
  explicit reader(bool masked) : masked_(masked) {}

  /// Takes bytes from the front of `in` until it is empty or a control frame is complete, which is
  /// returned. The bytes of messages are appended to `app`.
  ///
  /// Fails with `malformed_message`, with `unexpected_message` for a Text, or with
  /// `message_too_long`. It must not be called again after an error.
  result<std::optional<control>> take(byte_view& in, byte_buffer& app) {
    while (!in.empty()) {
      if (!frame_) {
        if (const std::error_code ec = take_header(in)) return failure(ec);
        if (!frame_) continue;
      } else {
        take_payload(in, app);
      }
      if (done_ < frame_->length) continue;
      const opcode op = frame_->op;
      const std::size_t size = static_cast<std::size_t>(done_);
      frame_.reset();
      if (is_control(op)) return control{op, byte_view(control_).first(size)};
    }
    return std::nullopt;
  }

 private:
  // Checks the header as soon as it is complete.
  std::error_code take_header(byte_view& in) {
    std::size_t due = 2;
    for (;;) {
      while (header_size_ < due) {
        if (in.empty()) return {};
        header_[header_size_++] = in.front();
        in = in.subspan(1);
      }
      if (due == header_size(header_[1])) break;
      due = header_size(header_[1]);
    }
    header_size_ = 0;
    const auto header = decode(header_);
    if (!header) return header.error();
    done_ = 0;
    return begin(*header);
  }

  std::error_code begin(const frame_header& header) {
    if (header.mask.has_value() != masked_) return errc::malformed_message;
    if (header.op == opcode::text) return errc::unexpected_message;
    if (!is_control(header.op)) {
      if (in_message_ != (header.op == opcode::continuation)) return errc::malformed_message;
      if (!in_message_) message_ = 0;
      message_ += header.length;
      if (header.length > max_frame || message_ > max_message) {
        return errc::message_too_long;
      }
      in_message_ = !header.fin;
    }
    frame_ = header;
    return {};
  }

  void take_payload(byte_view& in, byte_buffer& app) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), frame_->length - done_));
    const auto offset = static_cast<std::size_t>(done_);
    const byte_span out =
        is_control(frame_->op) ? byte_span(control_).subspan(offset, count) : app.extend(count);
    if (frame_->mask) {
      mask(in.first(count), out, *frame_->mask, offset);
    } else {
      std::copy_n(in.begin(), count, out.begin());
    }
    in = in.subspan(count);
    done_ += count;
  }

  bool masked_;
  std::array<std::uint8_t, frame_header::max_size> header_{};
  std::size_t header_size_ = 0;
  std::optional<frame_header> frame_;
  /// How many bytes of the frame's payload have been taken.
  std::uint64_t done_ = 0;
  /// Whether a message is incomplete and waits for its next fragment.
  bool in_message_ = false;
  /// The size of the message so far.
  std::uint64_t message_ = 0;
  std::array<std::uint8_t, max_control_payload> control_{};
};

}  // namespace rathole::websocket
