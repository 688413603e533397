#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/messages.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <optional>
#include <system_error>

namespace rathole::protocol {

/// An event that `server_control` reports.
enum class server_control_event {
  /// The client's Auth has arrived; see `auth`. The owner must decide whether it proves that the
  /// client may serve the service, and call `approve` or `refuse`, now or later.
  auth_arrived,
  /// The owner has approved the client. It must close the control channels that this one replaces,
  /// if any, and call `accept`; or call `refuse_in_use`.
  authenticated,
};

/// Runs the server's side of a control channel, from the client's Hello on; models `Machine`.
///
/// | state         | input           | output            | next          | event or error        |
/// |---------------|-----------------|-------------------|---------------|-----------------------|
/// | (start)       | service known   | Hello             | awaiting_auth |                       |
/// | (start)       | service unknown | Hello, Ack        | failed        | service_not_exist     |
/// | awaiting_auth | Auth            |                   | deciding      | auth_arrived          |
/// | awaiting_auth | deadline        |                   | failed        | timed_out             |
/// | deciding      | `approve`       |                   | authenticated | authenticated         |
/// | deciding      | `refuse`        | Ack               | failed        | authentication_failed |
/// | deciding      | deadline        |                   | failed        | timed_out             |
/// | authenticated | `accept`        | Ack               | established   |                       |
/// | authenticated | `refuse_in_use` | Ack               | failed        | service_in_use        |
/// | established   | channel request | CreateDataChannel | established   |                       |
/// | established   | heartbeat due   | HeartBeat         | established   |                       |
///
/// It takes exactly the Auth. A client of wire version 1 sends nothing more; bytes after the Auth
/// are taken and discarded, so that the owner keeps reading and sees the end of the stream, also
/// while it decides. After an error the output that was queued before, which includes the Ack that
/// rejects the client, must still be sent.
template <Codec C = bincode>
class server_control {
 public:
  /// The type of the events that `poll` returns.
  using event = server_control_event;

  /// The largest number of bytes that it takes and discards at once after the Auth.
  static constexpr std::size_t discarded_at_once = 256;

  /// Begins with the server's Hello. `nonce` must be fresh from a random source that is fit for
  /// secrets. `is_known` says whether the server has the service. `heartbeat_interval` is the
  /// longest time without output once the channel is established; 0 means no heartbeats. The Auth
  /// must arrive, and the owner decide, before `auth_deadline`.
  server_control(const digest& nonce, bool is_known, duration heartbeat_interval,
                 time_point auth_deadline)
      : heartbeat_interval_(heartbeat_interval), deadline_(auth_deadline) {
    out_.append(C::encode_hello({hello_kind::control, nonce}));
    if (!is_known) reject(ack::service_not_exist, errc::service_not_exist);
  }

  /// Returns how many bytes it accepts now; see `Machine`.
  [[nodiscard]] std::size_t wanted() const {
    switch (state_) {
      case state::awaiting_auth: return C::auth_size - in_.size();
      case state::deciding:
      case state::authenticated:
      case state::established: return discarded_at_once;
      case state::failed: break;
    }
    return 0;
  }

  /// Takes received bytes; see `Machine`.
  std::size_t feed(byte_view in) {
    if (state_ == state::awaiting_auth) return in_.append_up_to(C::auth_size, in);
    return std::min(in.size(), wanted());
  }

  /// Returns the next event; see `Machine`. Fails with `service_not_exist`,
  /// `authentication_failed`, `service_in_use`, `timed_out`, or an error of the codec.
  result<std::optional<event>> poll(time_point now) {
    switch (state_) {
      case state::awaiting_auth: {
        if (in_.size() < C::auth_size) return wait(now);
        const result<digest> auth = C::decode_auth(in_.data());
        if (!auth) return fail(auth.error());
        in_.clear();
        auth_ = *auth;
        state_ = state::deciding;
        return event::auth_arrived;
      }
      case state::deciding:
        if (!is_approved_) return wait(now);
        deadline_.reset();
        state_ = state::authenticated;
        return event::authenticated;
      case state::authenticated: return std::nullopt;
      case state::established:
        if (deadline_ && now >= *deadline_) beat(now);
        return std::nullopt;
      case state::failed: break;
    }
    return failure(error_);
  }

  /// Appends the bytes to be sent; see `Machine`.
  bool transmit(byte_buffer& out) { return out_.drain_into(out); }

  /// Returns when the Auth, the owner's decision or a heartbeat is due; see `Machine`.
  [[nodiscard]] std::optional<time_point> deadline() const { return deadline_; }

  /// Returns the client's Auth, which is also the session key if the client is approved. Valid from
  /// the event `auth_arrived` on.
  [[nodiscard]] const digest& auth() const {
    assert(state_ != state::awaiting_auth);
    return auth_;
  }

  /// Records that the Auth is right: the event `authenticated` follows. Must be called at most
  /// once, after the event `auth_arrived`; has no effect after an error.
  void approve() {
    assert(state_ == state::deciding || state_ == state::failed);
    is_approved_ = true;
  }

  /// Queues the Ack that rejects the client; `poll` then fails with `authentication_failed`. Must
  /// be called instead of `approve`, after the event `auth_arrived`; has no effect after an error.
  void refuse() {
    assert(state_ == state::deciding || state_ == state::failed);
    if (state_ == state::deciding) reject(ack::authentication_failed, errc::authentication_failed);
  }

  /// Queues the Ack that accepts the client. Must be called once, after the event `authenticated`.
  void accept(time_point now) {
    assert(state_ == state::authenticated);
    state_ = state::established;
    out_.append(C::encode_ack(ack::ok));
    restart_heartbeat(now);
  }

  /// Queues the Ack that tells the client that the service takes no more clients; `poll` then fails with
  /// `service_in_use`. May be called instead of `accept`, after the event `authenticated`.
  void refuse_in_use() {
    assert(state_ == state::authenticated);
    reject(ack::service_in_use, errc::service_in_use);
  }

  /// Queues a request for one more data channel. Must be called after `accept`; the owner limits
  /// how often.
  void request_data_channel(time_point now) {
    assert(state_ == state::established);
    out_.append(C::encode_control_command(control_command::create_data_channel));
    restart_heartbeat(now);
  }

  /// Changes the heartbeat interval, which then runs from `now`; see the constructor.
  void set_heartbeat_interval(duration interval, time_point now) {
    if (interval == heartbeat_interval_) return;
    heartbeat_interval_ = interval;
    if (state_ != state::established) return;
    deadline_.reset();
    restart_heartbeat(now);
  }

 private:
  enum class state { awaiting_auth, deciding, authenticated, established, failed };

  result<std::optional<event>> wait(time_point now) {
    if (now >= *deadline_) return fail(errc::timed_out);
    return std::nullopt;
  }

  void beat(time_point now) {
    // Unsent output serves as a heartbeat; with a peer that reads nothing, heartbeats do not pile
    // up.
    if (out_.empty()) out_.append(C::encode_control_command(control_command::heartbeat));
    restart_heartbeat(now);
  }

  void restart_heartbeat(time_point now) {
    if (heartbeat_interval_ > duration::zero()) deadline_ = now + heartbeat_interval_;
  }

  void reject(ack verdict, errc ec) {
    out_.append(C::encode_ack(verdict));
    fail(ec);
  }

  std::unexpected<std::error_code> fail(std::error_code ec) {
    state_ = state::failed;
    error_ = ec;
    in_.clear();
    deadline_.reset();
    return failure(ec);
  }

  state state_ = state::awaiting_auth;
  std::error_code error_;
  digest auth_{};
  bool is_approved_ = false;
  duration heartbeat_interval_;
  std::optional<time_point> deadline_;
  byte_buffer in_;
  byte_buffer out_;
};

}  // namespace rathole::protocol
