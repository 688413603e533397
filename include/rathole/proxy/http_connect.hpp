#pragma once

#include <rathole/core/base64.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/core/time.hpp>
#include <rathole/http/head_reader.hpp>
#include <rathole/http/head_writer.hpp>
#include <rathole/proxy/error.hpp>
#include <rathole/proxy/settings.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::proxy {

/// The client of an HTTP proxy (CONNECT, RFC 9110 section 9.3.6), with the authentication "Basic"
/// (RFC 7617) if it is given a user; models `Machine`.
///
/// | state         | input                    | output  | next          | event or error      |
/// |---------------|--------------------------|---------|---------------|---------------------|
/// | (start)       |                          | request | awaiting_head |                     |
/// | awaiting_head | a head with 200 to 299   |         | done          | connected           |
/// | awaiting_head | one with another status  |         | failed        | of `http_category`  |
/// | awaiting_head | anything else            |         | failed        | the head's error    |
class http_connect {
 public:
  using event = proxy::event;

  /// The most octets it holds that `poll` has not seen.
  static constexpr std::size_t maximum_buffered = http::head_reader::maximum_head;

  /// Asks for a connection to `target`. Fails at the first `poll`, without having sent anything,
  /// with `invalid_address` if the host cannot stand in a request.
  http_connect(std::optional<credentials> user, address target)
      : user_(std::move(user)), target_(to_string(target)) {
    is_due_ = http::is_target(target_) && !target.host.empty();
    if (!is_due_) fail(errc::invalid_address);
  }

  [[nodiscard]] std::size_t wanted() const { return error_ ? 0 : head_.wanted(); }

  std::size_t feed(byte_view in) {
    const byte_view taken = in.first(std::min(in.size(), wanted()));
    const auto read = head_.feed(taken);
    if (!read) unseen_error_ = read.error();
    return taken.size();
  }

  /// Errors: those of `head_reader`, of `http_category`, and `malformed_http`.
  result<std::optional<event>> poll(time_point) {
    if (unseen_error_) fail(unseen_error_);
    if (error_) return failure(error_);
    if (!head_.done() || std::exchange(is_done_, true)) return std::nullopt;
    const auto line = http::parse_status_line(head_.head().start_line);
    if (!line) return fail(line.error());
    if (line->status < 200 || line->status > 299) return fail({line->status, http_category()});
    return event::connected;
  }

  bool transmit(byte_buffer& out) {
    if (!std::exchange(is_due_, false)) return false;
    auto head = http::head_writer::request(out, "CONNECT", target_);
    head.field("Host", target_).field("Proxy-Connection", "Keep-Alive");
    if (user_) head.field("Proxy-Authorization", authorization(*user_).view());
    head.finish();
    user_.reset();
    return true;
  }

  [[nodiscard]] std::optional<time_point> deadline() const { return std::nullopt; }

 private:
  // "Basic" and the base64 of user name and password. Secrets wipe each step.
  static secret authorization(const credentials& user) {
    const auto joined = [](std::string_view a, std::string_view b, std::string_view c) {
      std::string out;
      out.reserve(a.size() + b.size() + c.size());
      out.append(a).append(b).append(c);
      return out;
    };
    const secret pair(joined(user.username, ":", user.password.view()));
    const secret encoded(to_base64(pair.bytes()));
    return secret(joined("Basic ", encoded.view(), ""));
  }

  std::unexpected<std::error_code> fail(std::error_code ec) {
    error_ = ec;
    unseen_error_ = {};
    user_.reset();
    return failure(ec);
  }

  std::optional<credentials> user_;
  std::string target_;
  http::head_reader head_;
  std::error_code unseen_error_;
  std::error_code error_;
  bool is_due_ = false;
  bool is_done_ = false;
};

}  // namespace rathole::proxy
