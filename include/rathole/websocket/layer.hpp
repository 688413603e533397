#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/core/random.hpp>
#include <rathole/crypto/system_rng.hpp>
#include <rathole/http/head_reader.hpp>
#include <rathole/websocket/close_status.hpp>
#include <rathole/websocket/reader.hpp>
#include <rathole/websocket/upgrade.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::websocket {

/// Carries bytes over WebSocket (RFC 6455): each `send` is one Binary message, and the boundaries
/// of received messages have no meaning. Models `TimedLayer`; the stream below is TCP or TLS.
///
/// | state        | input                    | output      | next            | error              |
/// |--------------|--------------------------|-------------|-----------------|--------------------|
/// | (client)     | `start`                  | request     | handshaking     |                    |
/// | handshaking  | response 101             |             | open            |                    |
/// | handshaking  | another response         |             | closed          | `check_response`'s |
/// | handshaking  | request                  | 101         | open            |                    |
/// | handshaking  | request that is refused  | its status  | closed          | its status         |
/// | open         | Binary                   |             | open            |                    |
/// | open         | Ping                     | Pong        | open            |                    |
/// | open         | Pong                     |             | open            |                    |
/// | open         | Close: empty, 1000, 1001 |             | read_closed     |                    |
/// | open         | Close with another code  | the same    | closed          | `close_category`'s |
/// | open         | `close`                  | Close       | write_closed    |                    |
/// | open         | idle for `ping_interval` | Ping        | open            |                    |
/// | open         | anything else            | Close       | closed          | the reader's       |
/// | any          | end of the stream        |             | closed          | truncated          |
/// | read_closed  | anything, also the end   |             | read_closed     |                    |
///
/// In write_closed it receives as in open, but sends nothing. Once both sides have sent Close the
/// layer is closed.
///
/// Compat: upstream treats a Ping, a Pong, a Text and a Close as errors. A Ping is therefore sent
/// only if `ping_interval` is set, and our Close ends both directions with an upstream peer.
template <Rng R = crypto::system_rng>
class layer {
 public:
  /// Makes the layer of a client.
  static layer client(client_settings settings, R rng = {}) {
    const duration ping_interval = settings.ping_interval;
    return layer(std::move(settings), ping_interval, std::move(rng));
  }

  /// Makes the layer of a server.
  static layer server(server_settings settings, R rng = {}) {
    const duration ping_interval = settings.ping_interval;
    return layer(std::move(settings), ping_interval, std::move(rng));
  }

  /// Begins the handshake: a client sends its request; see `Layer`.
  result<void> start(byte_buffer& wire) {
    if (is_server()) return {};
    std::array<std::uint8_t, 16> nonce;
    rng_.fill(nonce);
    key_ = to_base64(nonce);
    write_request(std::get<client_settings>(settings_), key_, wire);
    // The fields may hold credentials.
    settings_ = client_settings();
    return {};
  }

  /// Processes bytes from the stream below; see `Layer`. Fails with the errors of
  /// `http::head_reader`, `check_response`, `reader` and `validate_close`, and on a server with
  /// those of `refusal_category`.
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (error_) return failure(error_);
    is_silent_ = false;
    if (state_ == phase::handshaking) {
      const auto taken = head_.feed(in);
      if (!taken) return fail_handshake(taken.error(), wire);
      if (!head_.done()) return {};
      in = in.subspan(*taken);
      if (const std::error_code ec = finish_handshake(wire)) return fail(ec);
    }
    while (!in.empty() && can_receive(state_)) {
      const auto control = reader_.take(in, app);
      if (!control) return fail_open(control.error(), wire);
      if (!*control) continue;
      if (const std::error_code ec = react(**control, wire)) return fail_open(ec, wire);
    }
    return {};
  }

  /// Reports the end of the stream below; see `Layer`. It is an error before a Close has arrived.
  result<void> receive_end() {
    if (error_) return failure(error_);
    if (state_ == phase::read_closed || state_ == phase::closed) return {};
    return fail(errc::truncated);
  }

  /// Sends `in` as one Binary message; see `Layer`.
  result<void> send(byte_view in, byte_buffer& wire) {
    if (error_) return failure(error_);
    is_silent_ = false;
    put(opcode::binary, in, wire);
    return {};
  }

  /// Sends a Close; see `Layer`.
  result<void> close(byte_buffer& wire) {
    if (error_) return failure(error_);
    if (!can_send(state_)) return {};
    put(opcode::close, {}, wire);
    state_ = state_ == phase::open ? phase::write_closed : phase::closed;
    return {};
  }

  /// Returns the phase of the layer.
  [[nodiscard]] phase state() const { return state_; }

  /// Sends a Ping if there was no traffic for `ping_interval`; see `TimedLayer`.
  result<void> poll(time_point now, byte_buffer& wire) {
    if (error_) return failure(error_);
    if (ping_interval_ <= duration::zero() || !can_send(state_)) return {};
    if (is_silent_ && ping_at_ && now < *ping_at_) return {};
    if (is_silent_ && ping_at_) put(opcode::ping, {}, wire);
    ping_at_ = now + ping_interval_;
    is_silent_ = true;
    return {};
  }

  /// Returns when the next Ping may be due; see `TimedLayer`.
  [[nodiscard]] std::optional<time_point> deadline() const {
    return can_send(state_) ? ping_at_ : std::nullopt;
  }

 private:
  using settings = std::variant<client_settings, server_settings>;

  layer(settings what, duration ping_interval, R rng)
      : settings_(std::move(what)),
        ping_interval_(ping_interval),
        rng_(std::move(rng)),
        reader_(is_server()) {}

  [[nodiscard]] bool is_server() const {
    return std::holds_alternative<server_settings>(settings_);
  }

  std::error_code finish_handshake(byte_buffer& wire) {
    const http::head head = std::exchange(head_, {}).head();
    if (!is_server()) {
      if (const std::error_code ec = check_response(head, key_)) return ec;
    } else {
      const int status = check_request(head, std::get<server_settings>(settings_));
      if (status != 101) {
        write_refusal(status, wire);
        return {status, refusal_category()};
      }
      write_response(*head.only("Sec-WebSocket-Key"), wire);
    }
    state_ = phase::open;
    return {};
  }

  std::error_code react(const reader::control& control, byte_buffer& wire) {
    if (control.op == opcode::close) {
      if (const std::error_code broken = validate_close(control.payload)) return broken;
      state_ = state_ == phase::open ? phase::read_closed : phase::closed;
    } else if (control.op == opcode::ping && can_send(state_)) {
      put(opcode::pong, control.payload, wire);
    }
    return {};
  }

  void put(opcode op, byte_view payload, byte_buffer& wire) {
    frame_header header{.op = op, .length = payload.size()};
    if (!is_server()) header.mask = next_mask();
    const byte_span room = wire.prepare(frame_header::max_size + payload.size());
    const std::size_t size = encode(header, room);
    const byte_span out = room.subspan(size, payload.size());
    if (header.mask) {
      mask(payload, out, *header.mask, 0);
    } else {
      std::copy(payload.begin(), payload.end(), out.begin());
    }
    wire.commit(size + payload.size());
  }

  // Random bytes are drawn for many frames at once, because each draw may be a system call.
  mask_key next_mask() {
    if (mask_at_ == masks_.size()) {
      rng_.fill(masks_);
      mask_at_ = 0;
    }
    mask_key out;
    for (std::uint8_t& byte : out) byte = masks_[mask_at_++];
    return out;
  }

  std::unexpected<std::error_code> fail_handshake(std::error_code ec, byte_buffer& wire) {
    if (is_server()) write_refusal(400, wire);
    return fail(ec);
  }

  // Sends a Close with the status code of the error (RFC 6455 section 7.4.1), or with the code of
  // the peer's Close (section 5.5.1).
  std::unexpected<std::error_code> fail_open(std::error_code ec, byte_buffer& wire) {
    if (can_send(state_)) {
      const int code = ec.category() == close_category() ? ec.value()
                       : ec == errc::message_too_long    ? 1009
                       : ec == errc::unexpected_message  ? 1003
                                                         : 1002;
      put(opcode::close,
          std::array{static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code)}, wire);
    }
    return fail(ec);
  }

  std::unexpected<std::error_code> fail(std::error_code ec) {
    error_ = ec;
    state_ = phase::closed;
    head_ = {};
    return failure(ec);
  }

  settings settings_;
  duration ping_interval_;
  R rng_;
  phase state_ = phase::handshaking;
  std::error_code error_;
  std::string key_;
  http::head_reader head_;
  reader reader_;
  std::array<std::uint8_t, 256> masks_{};
  std::size_t mask_at_ = masks_.size();
  /// Whether nothing was sent or received since the last `poll`.
  bool is_silent_ = false;
  /// When the next Ping is due if there is no traffic until then.
  std::optional<time_point> ping_at_;
};

}  // namespace rathole::websocket
