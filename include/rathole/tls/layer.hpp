#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/tls/engine.hpp>
#include <rathole/tls/session_summary.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::tls {

/// Runs TLS as a layer; models `TimedLayer`.
///
/// The end of a direction must be announced: a stream that ends without close_notify fails with
/// `errc::truncated`. If the peer's first byte does not begin a TLS record, the layer fails with
/// `errc::not_tls`.
///
/// If the engine cannot end one direction alone (Botan with TLS 1.2), the peer's close_notify ends
/// both directions. `close` then postpones our close_notify until the peer has sent nothing for
/// `half_close_timeout`, so that what the peer still sends is not lost.
template <TlsEngine E>
class layer {
 public:
  /// Makes a layer that runs `engine`.
  layer(E engine, duration half_close_timeout)
      : engine_(std::move(engine)), half_close_timeout_(half_close_timeout) {}

  /// Begins the handshake; see `Layer`.
  result<void> start(byte_buffer& wire) { return note_failure(engine_.start(wire)); }

  /// Processes bytes from the stream below; see `Layer`. Fails with the errors of `TlsEngine`, and
  /// with `errc::not_tls`.
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (!first_byte_ && !in.empty()) first_byte_ = in.front();
    while (!error_ && !in.empty()) {
      const byte_view piece = in.first(std::min(in.size(), window - in_window_));
      in = in.subspan(piece.size());
      receive_piece(piece, app, wire);
    }
    return outcome();
  }

  /// Reports the end of the stream below; see `Layer`.
  result<void> receive_end() {
    if (!error_ && (can_receive(state()) || state() == phase::handshaking)) {
      error_ = errc::truncated;
    }
    return outcome();
  }

  /// Encrypts application bytes; see `Layer`.
  result<void> send(byte_view in, byte_buffer& wire) {
    if (error_) return outcome();
    return note_failure(engine_.send(in, wire));
  }

  /// Ends our direction, if necessary later; see `Layer`.
  result<void> close(byte_buffer& wire) {
    if (error_ || state() == phase::closed || state() == phase::write_closed) return outcome();
    if (state() == phase::open && !engine_.half_closes()) {
      closing_ = true;
      return {};
    }
    return note_failure(engine_.close(wire));
  }

  /// Sends the postponed close_notify when it is due; see `TimedLayer`.
  result<void> poll(time_point now, byte_buffer& wire) {
    if (!must_close_later()) return outcome();
    if (!close_at_) close_at_ = now + half_close_timeout_;
    if (now < *close_at_) return {};
    return note_failure(engine_.close(wire));
  }

  /// Returns when the postponed close_notify is due; see `TimedLayer`.
  [[nodiscard]] std::optional<time_point> deadline() const {
    return must_close_later() ? close_at_ : std::nullopt;
  }

  /// Returns the phase of the layer.
  [[nodiscard]] phase state() const { return error_ ? phase::closed : engine_.state(); }

  /// Returns version, cipher suite and the peer's certificate; see `summary_of`.
  [[nodiscard]] std::string summary() const {
    return state() == phase::handshaking ? std::string() : to_string(engine_.summary());
  }

  /// Returns the engine, for example to ask which version was negotiated.
  [[nodiscard]] const E& engine() const { return engine_; }

 private:
  // Engines collect handshake messages before they process them, and a message may claim 16 MiB.
  // The peer must therefore make progress: each window of its bytes must complete the handshake or
  // bring application bytes. The windows begin at fixed positions of the stream, so that the result
  // does not depend on how the stream is split.
  static constexpr std::size_t window = 64 * 1024;

  void receive_piece(byte_view piece, byte_buffer& app, byte_buffer& wire) {
    const std::size_t before = app.size();
    const bool was_handshaking = state() == phase::handshaking;
    if (!note_failure(engine_.receive(piece, app, wire))) {
      if (was_handshaking && !begins_record(*first_byte_)) error_ = errc::not_tls;
      return;
    }
    if (app.size() > before) close_at_.reset();
    if (app.size() > before || state() == phase::closed ||
        (was_handshaking && state() != phase::handshaking)) {
      got_on_ = true;
    }
    in_window_ += piece.size();
    if (in_window_ < window) return;
    in_window_ = 0;
    if (!std::exchange(got_on_, false)) error_ = errc::message_too_long;
  }

  /// Returns whether `byte` is a content type that may occur in a handshake (RFC 8446 section
  /// 5.1).
  static bool begins_record(std::uint8_t byte) {
    constexpr std::uint8_t change_cipher_spec = 20;
    constexpr std::uint8_t application_data = 23;
    return byte >= change_cipher_spec && byte <= application_data;
  }

  [[nodiscard]] bool must_close_later() const { return closing_ && can_send(state()); }

  result<void> note_failure(result<void> done) {
    if (!done) error_ = done.error();
    return done;
  }

  [[nodiscard]] result<void> outcome() const {
    if (error_) return failure(error_);
    return {};
  }

  E engine_;
  duration half_close_timeout_;
  std::error_code error_;
  /// The first byte that the peer sent.
  std::optional<std::uint8_t> first_byte_;
  /// How many bytes of the current window have arrived.
  std::size_t in_window_ = 0;
  /// Whether the peer has made progress in the current window.
  bool got_on_ = false;
  /// Whether close_notify is postponed.
  bool closing_ = false;
  /// When the postponed close_notify is due.
  std::optional<time_point> close_at_;
};

}  // namespace rathole::tls
