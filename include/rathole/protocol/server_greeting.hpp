#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/protocol/recognise.hpp>

#include <cstddef>
#include <optional>
#include <system_error>

namespace rathole::protocol {

/// What the server reads from any new connection: the Hello that tells what it is for; models
/// `Machine`. It sends nothing, and never takes an octet behind the Hello.
///
/// | state          | input       | next   | event or error    |
/// |----------------|-------------|--------|-------------------|
/// | awaiting_hello | Hello       | done   | the Hello         |
/// | awaiting_hello | undecodable | failed | the codec's error |
/// | awaiting_hello | TLS, HTTP…  | failed | `spoke` of it     |
/// | awaiting_hello | deadline    | failed | timed_out         |
template <Codec C = bincode>
class server_greeting {
 public:
  using event = hello;

  /// At `deadline` the Hello must be there.
  explicit server_greeting(time_point deadline) : deadline_(deadline) {}

  [[nodiscard]] std::size_t wanted() const { return capacity() - in_.size(); }

  std::size_t feed(byte_view in) { return in_.append_up_to(capacity(), in); }

  /// Errors: `timed_out`, `spoke` of another protocol that the first bytes are of, and those of the
  /// codec.
  result<std::optional<event>> poll(time_point now) {
    switch (state_) {
      case state::awaiting_hello: {
        if (const std::error_code ec = other_protocol(in_.data())) return fail(ec);
        if (in_.size() < C::hello_size) {
          if (now >= deadline_) return fail(errc::timed_out);
          return std::nullopt;
        }
        const result<hello> message = C::decode_hello(in_.data());
        if (!message) return fail(message.error());
        in_.clear();
        state_ = state::done;
        return *message;
      }
      case state::done: return std::nullopt;
      case state::failed: break;
    }
    return failure(error_);
  }

  bool transmit(byte_buffer&) { return false; }

  [[nodiscard]] std::optional<time_point> deadline() const {
    if (state_ != state::awaiting_hello) return std::nullopt;
    return deadline_;
  }

 private:
  enum class state { awaiting_hello, done, failed };

  [[nodiscard]] std::size_t capacity() const {
    return state_ == state::awaiting_hello ? C::hello_size : 0;
  }

  std::unexpected<std::error_code> fail(std::error_code ec) {
    state_ = state::failed;
    error_ = ec;
    in_.clear();
    return failure(ec);
  }

  state state_ = state::awaiting_hello;
  std::error_code error_;
  time_point deadline_;
  byte_buffer in_;
};

}  // namespace rathole::protocol
