#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/noise/frame.hpp>
#include <rathole/noise/session.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

namespace rathole::noise {

/// Runs Noise over a stream: each message is a frame, which is a length of two bytes and the
/// message. Models `Layer`.
///
/// * Output is sent in frames with up to 65,519 bytes of content; empty frames are never sent.
///   Compat: upstream takes a frame without content for the end of the stream; this layer
///   authenticates and ignores it.
/// * The end of a direction is the end of the stream below; in the middle of a frame it is
///   `errc::truncated`. The protocol does not authenticate the end, so an attacker who can cut the
///   connection can end a direction.
/// * Memory: the bytes of one incomplete frame, at most 65,537.
class layer {
 public:
  /// Makes a layer that owns the session `fresh`, whose handshake has not begun.
  explicit layer(std::unique_ptr<session> fresh) : session_(std::move(fresh)) {}

  /// Begins the handshake; see `Layer`.
  result<void> start(byte_buffer& wire) { return note_failure(write_handshake(wire)); }

  /// Processes bytes from the stream below; see `Layer`. Fails with the errors of `handshake_state`
  /// and `cipher_state`, and with `errc::unexpected_message`.
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    while (!error_) {
      const auto message = frames_.next(in);
      if (!message) break;
      const auto taken =
          state_ == phase::handshaking ? read_handshake(*message, wire) : decrypt(*message, app);
      if (!taken) error_ = taken.error();
    }
    frames_.trim();
    return error_ ? failure(error_) : result<void>{};
  }

  /// Reports the end of the stream below; see `Layer`.
  result<void> receive_end() {
    if (error_) return failure(error_);
    if (state_ == phase::handshaking || frames_.is_within_frame()) {
      return note_failure(failure(errc::truncated));
    }
    state_ = state_ == phase::write_closed ? phase::closed : phase::read_closed;
    return {};
  }

  /// Encrypts application bytes; see `Layer`.
  result<void> send(byte_view in, byte_buffer& wire) {
    while (!in.empty() && !error_) {
      const byte_view text = in.first(std::min(in.size(), max_content_size));
      in = in.subspan(text.size());
      const byte_span frame = wire.extend(prefix_size + text.size() + tag_size);
      store_le<std::uint16_t>(static_cast<std::uint16_t>(text.size() + tag_size),
                              frame.first<prefix_size>());
      std::memcpy(frame.data() + prefix_size, text.data(), text.size());
      const auto sealed =
          session_->encrypt(frame.subspan(prefix_size, text.size()), frame.last<tag_size>());
      if (sealed) continue;
      wire.truncate(wire.size() - frame.size());
      error_ = sealed.error();
    }
    return error_ ? failure(error_) : result<void>{};
  }

  /// Ends our direction; see `Layer`. It sends nothing.
  result<void> close(byte_buffer&) {
    if (error_) return failure(error_);
    if (can_send(state_)) {
      state_ = state_ == phase::read_closed ? phase::closed : phase::write_closed;
    }
    return {};
  }

  /// Returns the phase of the layer: `phase::closed` after an error.
  [[nodiscard]] phase state() const { return error_ ? phase::closed : state_; }

 private:
  /// The largest content of one frame, in bytes.
  static constexpr std::size_t max_content_size = max_message_size - tag_size;

  result<void> note_failure(result<void> done) {
    if (!done) error_ = done.error();
    return done;
  }

  /// Writes all handshake messages that this party must send now.
  result<void> write_handshake(byte_buffer& wire) {
    while (session_->is_my_turn()) {
      const std::size_t before = wire.size();
      wire.extend(prefix_size);
      const auto written = session_->write_handshake(wire);
      if (!written) {
        wire.truncate(before);
        return written;
      }
      const byte_span frame = wire.data().subspan(before);
      store_le<std::uint16_t>(static_cast<std::uint16_t>(frame.size() - prefix_size),
                              frame.first<prefix_size>());
    }
    if (session_->is_finished()) state_ = phase::open;
    return {};
  }

  result<void> read_handshake(byte_view message, byte_buffer& wire) {
    if (session_->is_my_turn()) return failure(errc::unexpected_message);
    byte_buffer work;
    work.append(message);
    const auto read = session_->read_handshake(work.data());
    return read ? write_handshake(wire) : read;
  }

  result<void> decrypt(byte_view message, byte_buffer& app) {
    if (message.size() < tag_size) return failure(errc::malformed_message);
    const byte_view text = message.first(message.size() - tag_size);
    const byte_span plain = app.extend(text.size());
    if (!text.empty()) std::memcpy(plain.data(), text.data(), text.size());
    auto opened = session_->decrypt(plain, message.last<tag_size>());
    if (!opened) app.truncate(app.size() - plain.size());
    return opened;
  }

  std::unique_ptr<session> session_;
  frame_reader frames_;
  phase state_ = phase::handshaking;
  std::error_code error_;
};

static_assert(Layer<layer>);

}  // namespace rathole::noise
