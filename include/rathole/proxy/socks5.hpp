#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/proxy/error.hpp>
#include <rathole/proxy/settings.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::proxy {

/// Runs the client's side of a SOCKS5 proxy (RFC 1928, CONNECT), with a user name and password (RFC
/// 1929) if it is given some; models `Machine`.
///
/// | state           | input             | output      | next            | event or error       |
/// |-----------------|-------------------|-------------|-----------------|----------------------|
/// | (start)         |                   | methods     | awaiting_method |                      |
/// | awaiting_method | "none"            | request     | awaiting_reply  |                      |
/// | awaiting_method | username/password | credentials | awaiting_status |                      |
/// | awaiting_method | none acceptable   |             | failed          | `proxy_auth…_failed` |
/// | awaiting_status | success           | request     | awaiting_reply  |                      |
/// | awaiting_status | failure           |             | failed          | `proxy_auth…_failed` |
/// | awaiting_reply  | success           |             | done            | connected            |
/// | awaiting_reply  | failure           |             | failed          | `socks5_category`'s  |
/// | awaiting_*      | anything else     |             | failed          | malformed_proxy_…    |
///
/// The errors of the table are `errc::proxy_authentication_failed`, those of `socks5_category`, and
/// `errc::malformed_proxy_answer`.
///
/// Compat: upstream sends IP literals as if they were names; this client sends them as addresses.
class socks5 {
 public:
  /// The type of the events that `poll` returns.
  using event = proxy::event;

  /// The largest number of received bytes that it holds.
  static constexpr std::size_t max_buffered = 4 + 1 + 255 + 2;

  /// Asks for a connection to `target`. If the host is empty or too long for the protocol, the
  /// first `poll` fails with `invalid_address`; if the user name or password is too long, with
  /// `message_too_long`. Nothing is sent then.
  socks5(std::optional<credentials> user, address target)
      : user_(std::move(user)), target_(std::move(target)) {
    if (target_.host.empty() || target_.host.size() > 255) {
      fail(errc::invalid_address);
    } else if (user_ && credentials_problem(scheme::socks5, *user_)) {
      fail(errc::message_too_long);
    } else {
      due_ = message::methods;
    }
  }

  /// Returns how many bytes it accepts now; see `Machine`.
  [[nodiscard]] std::size_t wanted() const { return due() - in_.size(); }

  /// Takes received bytes; see `Machine`.
  std::size_t feed(byte_view in) { return in_.append_up_to(due(), in); }

  /// Returns the next event; see `Machine`. Fails with the errors of the table.
  result<std::optional<event>> poll(time_point) {
    if (state_ != state::failed && in_.size() == due()) {
      switch (state_) {
        case state::awaiting_method: read_method(); break;
        case state::awaiting_status: read_status(); break;
        case state::awaiting_reply:
          read_reply();
          if (state_ == state::done) return event::connected;
          break;
        default: break;
      }
    }
    if (state_ == state::failed) return failure(error_);
    return std::nullopt;
  }

  /// Appends the next message; see `Machine`. The credentials are wiped once they are written.
  bool transmit(byte_buffer& out) {
    switch (std::exchange(due_, message::nothing)) {
      case message::methods: write_methods(out); return true;
      case message::credentials: write_credentials(out); return true;
      case message::request: write_request(out); return true;
      case message::nothing: break;
    }
    return false;
  }

  /// Returns nothing: the caller limits the time.
  [[nodiscard]] std::optional<time_point> deadline() const { return std::nullopt; }

 private:
  enum class state { awaiting_method, awaiting_status, awaiting_reply, done, failed };
  /// The next message to send. It is written only when it is sent, so that no copy of the password
  /// is kept.
  enum class message { nothing, methods, credentials, request };

  static constexpr std::uint8_t version = 5;
  static constexpr std::uint8_t no_authentication = 0;
  static constexpr std::uint8_t user_and_password = 2;
  static constexpr std::uint8_t none_acceptable = 0xff;
  static constexpr std::uint8_t ipv4 = 1;
  static constexpr std::uint8_t name = 3;
  static constexpr std::uint8_t ipv6 = 4;

  // Returns the size of the next message, as far as the bytes received so far determine it.
  [[nodiscard]] std::size_t due() const {
    const byte_view in = in_.data();
    switch (state_) {
      case state::awaiting_method:
      case state::awaiting_status: return 2;
      case state::awaiting_reply:
        if (in.size() < 2 || in[0] != version || in[1] != 0) return 2;
        if (in.size() < 5) return 5;
        if (in[3] == ipv4) return 4 + 4 + 2;
        if (in[3] == ipv6) return 4 + 16 + 2;
        if (in[3] == name) return 4 + 1 + std::size_t{in[4]} + 2;
        return 5;
      default: return 0;
    }
  }

  void read_method() {
    const byte_view in = in_.data();
    if (in[0] != version) return fail(errc::malformed_proxy_answer);
    if (in[1] == none_acceptable) return fail(errc::proxy_authentication_failed);
    if (in[1] == no_authentication) return ask();
    if (in[1] != user_and_password || !user_) return fail(errc::malformed_proxy_answer);
    in_.clear();
    due_ = message::credentials;
    state_ = state::awaiting_status;
  }

  void read_status() {
    const byte_view in = in_.data();
    if (in[0] != 1) return fail(errc::malformed_proxy_answer);
    if (in[1] != 0) return fail(errc::proxy_authentication_failed);
    ask();
  }

  void ask() {
    in_.clear();
    due_ = message::request;
    state_ = state::awaiting_reply;
  }

  void read_reply() {
    const byte_view in = in_.data();
    if (in[0] != version) return fail(errc::malformed_proxy_answer);
    if (in[1] != 0) return fail({in[1], socks5_category()});
    if (in[3] != ipv4 && in[3] != ipv6 && in[3] != name) return fail(errc::malformed_proxy_answer);
    in_.free_memory();
    state_ = state::done;
  }

  void write_methods(byte_buffer& out) const {
    if (user_) {
      out.append(std::array{version, std::uint8_t{2}, no_authentication, user_and_password});
    } else {
      out.append(std::array{version, std::uint8_t{1}, no_authentication});
    }
  }

  void write_credentials(byte_buffer& out) {
    out.append(std::array<std::uint8_t, 1>{1});
    put(byte_view_of(user_->username), out);
    put(user_->password.bytes(), out);
    user_.reset();
  }

  void write_request(byte_buffer& out) {
    out.append(std::array<std::uint8_t, 3>{version, 1, 0});
    if (const auto four = parse_ipv4(target_.host)) {
      out.append(std::array{ipv4});
      out.append(*four);
    } else if (const auto six = parse_ipv6(target_.host)) {
      out.append(std::array{ipv6});
      out.append(*six);
    } else {
      out.append(std::array{name});
      put(byte_view_of(target_.host), out);
    }
    store_be(target_.port, out.extend(2).first<2>());
    user_.reset();
  }

  // Appends the length as one byte, and the bytes.
  static void put(byte_view in, byte_buffer& out) {
    out.append(std::array{static_cast<std::uint8_t>(in.size())});
    out.append(in);
  }

  void fail(std::error_code ec) {
    state_ = state::failed;
    error_ = ec;
    due_ = message::nothing;
    in_.free_memory();
    user_.reset();
  }

  std::optional<credentials> user_;
  address target_;
  state state_ = state::awaiting_method;
  std::error_code error_;
  message due_ = message::nothing;
  byte_buffer in_;
};

}  // namespace rathole::proxy
