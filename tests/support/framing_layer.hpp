#pragma once

#include <rathole/core/layer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace rathole::test {

/// A simple layer: each end sends 'H' first; then come frames of a length byte and that many bytes,
/// each with its bits inverted. An empty frame ends the sending.
class framing_layer {
 public:
  /// Says how the layer ends its sending.
  enum class ending {
    /// With a frame, at once.
    announced,
    /// With the end of the stream below.
    with_the_stream,
    /// With a frame, once the peer has ended or some time has passed.
    postponed,
  };
  static constexpr std::chrono::milliseconds max_delay{200};

  explicit framing_layer(ending how = ending::announced) : how_(how) {}

  result<void> start(byte_buffer& wire) {
    put(wire, 'H');
    return {};
  }

  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    for (const std::uint8_t byte : in) {
      if (broken_) return failure(errc::unexpected_message);
      if (state_ == phase::handshaking) {
        broken_ = byte != 'H';
        if (broken_) put(wire, '!');
        if (!broken_) state_ = phase::open;
      } else if (left_ > 0) {
        --left_;
        put(app, static_cast<std::uint8_t>(~byte));
      } else if (byte == 0) {
        peer_ended();
        if (ending_ && can_send(state_)) end(wire);
      } else if (can_receive(state_)) {
        left_ = byte;
      } else {
        broken_ = true;
      }
    }
    return broken_ ? failure(errc::unexpected_message) : result<void>{};
  }

  result<void> receive_end() {
    if (how_ != ending::with_the_stream || left_ > 0) return failure(errc::truncated);
    peer_ended();
    return {};
  }

  result<void> send(byte_view in, byte_buffer& wire) {
    while (!in.empty()) {
      const byte_view piece = in.first(std::min<std::size_t>(in.size(), 255));
      put(wire, static_cast<std::uint8_t>(piece.size()));
      for (const std::uint8_t byte : piece) put(wire, static_cast<std::uint8_t>(~byte));
      in = in.subspan(piece.size());
    }
    return {};
  }

  result<void> close(byte_buffer& wire) {
    ending_ = true;
    if (how_ != ending::postponed || !can_receive(state_)) end(wire);
    return {};
  }

  result<void> poll(time_point now, byte_buffer& wire) {
    if (!ending_ || !can_send(state_)) return {};
    if (!deadline_) deadline_ = now + max_delay;
    if (*deadline_ <= now) end(wire);
    return {};
  }

  [[nodiscard]] std::optional<time_point> deadline() const {
    return can_send(state_) ? deadline_ : std::nullopt;
  }
  [[nodiscard]] phase state() const { return state_; }

 private:
  static void put(byte_buffer& to, std::uint8_t byte) { to.append({&byte, 1}); }

  void peer_ended() { state_ = state_ == phase::write_closed ? phase::closed : phase::read_closed; }
  void end(byte_buffer& wire) {
    if (how_ != ending::with_the_stream) put(wire, 0);
    state_ = state_ == phase::read_closed ? phase::closed : phase::write_closed;
  }

  ending how_;
  phase state_ = phase::handshaking;
  std::uint8_t left_ = 0;
  bool broken_ = false;
  bool ending_ = false;
  std::optional<time_point> deadline_;
};

static_assert(TimedLayer<framing_layer>);

}  // namespace rathole::test
