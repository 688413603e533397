#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/tls/engine.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::tls {

/// TLS as a layer; models `TimedLayer`.
///
/// An end must be announced: a stream that ends without close_notify is `errc::truncated`. A peer
/// whose first byte does not begin a TLS record fails with `errc::not_tls`. Where the engine cannot
/// end one direction alone (Botan with TLS 1.2), `close` postpones close_notify until the peer has
/// sent nothing for `half_close_timeout`, and the peer's close_notify ends both directions; hence one
/// that ends its sending late loses nothing that the other still sends.
template <TlsEngine E>
class layer {
 public:
  layer(E engine, duration half_close_timeout)
      : engine_(std::move(engine)), half_close_timeout_(half_close_timeout) {}

  result<void> start(byte_buffer& wire) { return keep(engine_.start(wire)); }

  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (!first_byte_ && !in.empty()) first_byte_ = in.front();
    while (!error_ && !in.empty()) {
      const byte_view piece = in.first(std::min(in.size(), window - in_window_));
      in = in.subspan(piece.size());
      receive_piece(piece, app, wire);
    }
    return outcome();
  }

  result<void> receive_end() {
    if (!error_ && (can_receive(state()) || state() == phase::handshaking)) {
      error_ = errc::truncated;
    }
    return outcome();
  }

  result<void> send(byte_view in, byte_buffer& wire) {
    if (error_) return outcome();
    return keep(engine_.send(in, wire));
  }

  result<void> close(byte_buffer& wire) {
    if (error_ || state() == phase::closed || state() == phase::write_closed) return outcome();
    if (state() == phase::open && !engine_.half_closes()) {
      closing_ = true;
      return {};
    }
    return keep(engine_.close(wire));
  }

  /// Says the postponed close_notify when it is due.
  result<void> poll(time_point now, byte_buffer& wire) {
    if (!must_close_later()) return outcome();
    if (!close_at_) close_at_ = now + half_close_timeout_;
    if (now < *close_at_) return {};
    return keep(engine_.close(wire));
  }

  [[nodiscard]] std::optional<time_point> deadline() const {
    return must_close_later() ? close_at_ : std::nullopt;
  }

  [[nodiscard]] phase state() const { return error_ ? phase::closed : engine_.state(); }

  /// For those that ask how a connection came about.
  [[nodiscard]] const E& engine() const { return engine_; }

 private:
  // Messages of the handshake are gathered before they are understood, and may claim 16 MiB each.
  // A peer must hence get on: each window of its octets ends the handshake or brings application
  // octets. Windows begin at fixed places of the stream, so that it does not matter how it is cut.
  static constexpr std::size_t window = 64 * 1024;

  void receive_piece(byte_view piece, byte_buffer& app, byte_buffer& wire) {
    const std::size_t before = app.size();
    const bool was_handshaking = state() == phase::handshaking;
    if (!keep(engine_.receive(piece, app, wire))) {
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

  /// Whether `octet` is a type of content that can come in a handshake (RFC 8446 section 5.1).
  static bool begins_record(std::uint8_t octet) {
    constexpr std::uint8_t change_cipher_spec = 20;
    constexpr std::uint8_t application_data = 23;
    return octet >= change_cipher_spec && octet <= application_data;
  }

  [[nodiscard]] bool must_close_later() const { return closing_ && can_send(state()); }

  result<void> keep(result<void> done) {
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
  /// The first one that the peer sent.
  std::optional<std::uint8_t> first_byte_;
  /// Octets of the present window.
  std::size_t in_window_ = 0;
  bool got_on_ = false;
  /// Whether close_notify is to be said later.
  bool closing_ = false;
  std::optional<time_point> close_at_;
};

}  // namespace rathole::tls
