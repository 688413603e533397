#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/detect_protocol.hpp>
#include <rathole/protocol/messages.hpp>

#include <cassert>
#include <cstddef>
#include <optional>
#include <system_error>

namespace rathole::protocol {

/// An event that `client_control` reports.
enum class client_control_event {
  /// The server accepted the token.
  established,
  /// The server requests one more data channel.
  create_data_channel,
  /// The server sent a heartbeat.
  heartbeat,
};

/// Runs the client's side of a control channel; models `Machine`.
///
/// | state          | input                     | output | next           | event or error        |
/// |----------------|---------------------------|--------|----------------|-----------------------|
/// | (start)        |                           | Hello  | awaiting_hello |                       |
/// | awaiting_hello | Hello control             | Auth   | awaiting_ack   |                       |
/// | awaiting_hello | Hello data                |        | failed         | unexpected_hello      |
/// | awaiting_hello | TLS, HTTP…                |        | failed         | wrong_protocol of it  |
/// | awaiting_ack   | Ack ok                    |        | established    | established           |
/// | awaiting_ack   | Ack service_not_exist     |        | failed         | service_not_exist     |
/// | awaiting_ack   | Ack authentication_failed |        | failed         | authentication_failed |
/// | awaiting_ack   | Ack service_in_use        |        | failed         | service_in_use        |
/// | awaiting_*     | handshake deadline        |        | failed         | timed_out             |
/// | established    | command                   |        | established    | the command           |
/// | established    | heartbeat timeout         |        | failed         | heartbeat_timed_out   |
/// | any            | undecodable               |        | failed         | the codec's error     |
///
/// During the handshake it accepts exactly the expected message, and afterwards up to
/// `max_buffered` bytes of commands at once. Output that was queued before an error may still
/// be sent.
template <Codec C = bincode>
class client_control {
 public:
  /// The type of the events that `poll` returns.
  using event = client_control_event;

  /// The largest number of received bytes that it holds.
  static constexpr std::size_t max_buffered = 256;
  static_assert(C::hello_size <= max_buffered && C::ack_size <= max_buffered &&
                C::control_command_size <= max_buffered);

  /// Begins the handshake for the service with the digest `service`. The server has
  /// `handshake_timeout` from `now` until its Hello, and the same time again until its Ack.
  /// Afterwards it has `heartbeat_timeout` from one command to the next; a `heartbeat_timeout` of 0
  /// means no limit.
  client_control(const digest& service, const secret& token, duration handshake_timeout,
                 duration heartbeat_timeout, time_point now)
      : token_(token),
        heartbeat_timeout_(heartbeat_timeout),
        handshake_timeout_(handshake_timeout),
        deadline_(now + handshake_timeout) {
    out_.append(C::encode_hello({hello_kind::control, service}));
  }

  /// Returns how many bytes it accepts now; see `Machine`.
  [[nodiscard]] std::size_t wanted() const { return capacity() - in_.size(); }

  /// Takes received bytes; see `Machine`.
  std::size_t feed(byte_view in) { return in_.append_up_to(capacity(), in); }

  /// Returns the next event; see `Machine`. Fails with `unexpected_hello`, `service_not_exist`,
  /// `authentication_failed`, `service_in_use`, `timed_out`, `heartbeat_timed_out`, an error of the codec, or
  /// `wrong_protocol` of another protocol if the first bytes belong to one.
  result<std::optional<event>> poll(time_point now) {
    switch (state_) {
      case state::awaiting_hello:
        if (const std::error_code ec = other_protocol(in_.data())) return fail(ec);
        if (in_.size() < C::hello_size) return wait(now, errc::timed_out);
        if (const std::error_code ec = read_hello()) return fail(ec);
        deadline_ = now + handshake_timeout_;
        return std::nullopt;
      case state::awaiting_ack:
        if (in_.size() < C::ack_size) return wait(now, errc::timed_out);
        if (const std::error_code ec = read_ack()) return fail(ec);
        restart_heartbeat(now);
        return event::established;
      case state::established: {
        if (in_.size() < C::control_command_size) return wait(now, errc::heartbeat_timed_out);
        const result<control_command> command = C::decode_control_command(in_.data());
        if (!command) return fail(command.error());
        in_.consume(C::control_command_size);
        restart_heartbeat(now);
        return *command == control_command::heartbeat ? event::heartbeat
                                                      : event::create_data_channel;
      }
      case state::failed: break;
    }
    return failure(error_);
  }

  /// Appends the bytes to be sent; see `Machine`.
  bool transmit(byte_buffer& out) { return out_.drain_into(out); }

  /// Returns when a timeout is due; see `Machine`.
  [[nodiscard]] std::optional<time_point> deadline() const { return deadline_; }

  /// Returns the session key, which every data Hello of this control channel carries. It is valid
  /// once `poll` has processed the server's Hello, and so from the event `established` on.
  [[nodiscard]] const digest& session_key() const {
    assert(session_key_);
    return *session_key_;
  }

  /// Changes the heartbeat timeout, which then runs from `now`; see the constructor. Before the
  /// Ack, it takes effect when the Ack arrives.
  void set_heartbeat_timeout(duration timeout, time_point now) {
    if (timeout == heartbeat_timeout_) return;
    heartbeat_timeout_ = timeout;
    if (state_ == state::established) restart_heartbeat(now);
  }

 private:
  enum class state { awaiting_hello, awaiting_ack, established, failed };

  [[nodiscard]] std::size_t capacity() const {
    switch (state_) {
      case state::awaiting_hello: return C::hello_size;
      case state::awaiting_ack: return C::ack_size;
      case state::established: return max_buffered;
      case state::failed: break;
    }
    return 0;
  }

  std::error_code read_hello() {
    const result<hello> message = C::decode_hello(in_.data());
    if (!message) return message.error();
    if (message->kind != hello_kind::control) return errc::unexpected_hello;
    session_key_ = protocol::session_key(token_, message->digest);
    token_ = secret();
    out_.append(C::encode_auth(*session_key_));
    in_.clear();
    state_ = state::awaiting_ack;
    return {};
  }

  std::error_code read_ack() {
    const result<ack> message = C::decode_ack(in_.data());
    if (!message) return message.error();
    if (*message == ack::service_not_exist) return errc::service_not_exist;
    if (*message == ack::authentication_failed) return errc::authentication_failed;
    if (*message == ack::service_in_use) return errc::service_in_use;
    in_.clear();
    state_ = state::established;
    return {};
  }

  void restart_heartbeat(time_point now) {
    deadline_.reset();
    if (heartbeat_timeout_ > duration::zero()) deadline_ = now + heartbeat_timeout_;
  }

  result<std::optional<event>> wait(time_point now, errc late) {
    if (deadline_ && now >= *deadline_) return fail(late);
    return std::nullopt;
  }

  std::unexpected<std::error_code> fail(std::error_code ec) {
    state_ = state::failed;
    error_ = ec;
    in_.clear();
    deadline_.reset();
    return failure(ec);
  }

  state state_ = state::awaiting_hello;
  std::error_code error_;
  secret token_;
  std::optional<digest> session_key_;
  duration heartbeat_timeout_;
  duration handshake_timeout_;
  std::optional<time_point> deadline_;
  byte_buffer in_;
  byte_buffer out_;
};

}  // namespace rathole::protocol
