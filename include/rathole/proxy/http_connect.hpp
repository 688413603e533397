#pragma once

#include <rathole/core/base64.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/core/time.hpp>
#include <rathole/http/grammar.hpp>
#include <rathole/http/head_writer.hpp>
#include <rathole/http/status_reader.hpp>
#include <rathole/proxy/error.hpp>
#include <rathole/proxy/settings.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::proxy {

/// Runs the client's side of an HTTP proxy (CONNECT, RFC 9110 section 9.3.6), with Basic
/// authentication (RFC 7617) if it is given credentials; models `Machine`.
///
/// | state         | input                    | output  | next          | event or error      |
/// |---------------|--------------------------|---------|---------------|---------------------|
/// | (start)       |                          | request | awaiting_head |                     |
/// | awaiting_head | a head with 200 to 299   |         | done          | connected           |
/// | awaiting_head | one with another status  |         | failed        | of `http_category`  |
/// | awaiting_head | anything else            |         | failed        | the head's error    |
class http_connect {
 public:
  /// The type of the events that `poll` returns.
  using event = proxy::event;

  /// The largest number of received bytes that it holds.
  static constexpr std::size_t max_buffered = http::status_reader::max_buffered;

  /// Asks for a connection to `target`. If the host cannot be written in a request, the first
  /// `poll` fails with `invalid_address`, and nothing is sent.
  http_connect(std::optional<credentials> user, address target)
      : user_(std::move(user)), target_(to_string(target)) {
    is_due_ = http::is_target(target_) && !target.host.empty();
    if (!is_due_) fail(errc::invalid_address);
  }

  /// Returns how many bytes it accepts now; see `Machine`.
  [[nodiscard]] std::size_t wanted() const { return answer_.wanted(); }

  /// Takes received bytes; see `Machine`.
  std::size_t feed(byte_view in) { return answer_.feed(in); }

  /// Returns the next event; see `Machine`. Fails with an error of `http::head_reader`, an error of
  /// `http_category`, `malformed_http`, or `invalid_address` (see the constructor).
  result<std::optional<event>> poll(time_point) {
    const auto status = answer_.poll();
    if (!status) return fail(status.error());
    if (!*status) return std::nullopt;
    if (**status < 200 || **status > 299) return fail({**status, http_category()});
    return event::connected;
  }

  /// Appends the request, with the credentials, which it then wipes; see `Machine`.
  bool transmit(byte_buffer& out) {
    if (!std::exchange(is_due_, false)) return false;
    auto head = http::head_writer::request(out, "CONNECT", target_);
    head.field("Host", target_).field("Proxy-Connection", "Keep-Alive");
    if (user_) head.field("Proxy-Authorization", authorization(*user_).view());
    head.finish();
    user_.reset();
    return true;
  }

  /// Returns nothing: the caller limits the time.
  [[nodiscard]] std::optional<time_point> deadline() const { return std::nullopt; }

 private:
  // Returns "Basic" and the base64 of user name and password; each intermediate text is wiped.
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

  std::unexpected<std::error_code> fail(std::error_code why) {
    user_.reset();
    return answer_.fail(why);
  }

  std::optional<credentials> user_;
  std::string target_;
  http::status_reader answer_;
  bool is_due_ = false;
};

}  // namespace rathole::proxy
