#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/detect_protocol.hpp>
#include <rathole/protocol/messages.hpp>

#include <cstddef>
#include <optional>
#include <system_error>

namespace rathole::protocol {

/// Reads the Hello, with which every new connection to the server begins and which says what the
/// connection is for; models `Machine`. It sends nothing, and never reads a byte after the Hello.
///
/// | state          | input       | next   | event or error    |
/// |----------------|-------------|--------|-------------------|
/// | awaiting_hello | Hello       | done   | the Hello         |
/// | awaiting_hello | undecodable | failed | the codec's error |
/// | awaiting_hello | TLS, HTTP…  | failed | `wrong_protocol` of it     |
/// | awaiting_hello | deadline    | failed | timed_out         |
template <Codec C = bincode>
class hello_reader {
 public:
  /// The type of the events that `poll` returns.
  using event = hello;

  /// Makes a machine that waits for the Hello until `deadline`.
  explicit hello_reader(time_point deadline) : deadline_(deadline) {}

  /// Returns how many bytes it accepts now; see `Machine`.
  [[nodiscard]] std::size_t wanted() const { return capacity() - in_.size(); }

  /// Takes received bytes; see `Machine`.
  std::size_t feed(byte_view in) { return in_.append_up_to(capacity(), in); }

  /// Returns the Hello once it is complete; see `Machine`. Fails with `timed_out`, an error of the
  /// codec, or `wrong_protocol` of another protocol if the first bytes belong to one.
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

  /// Returns false: this machine sends nothing.
  bool transmit(byte_buffer&) { return false; }

  /// Returns the deadline of the Hello while it is awaited.
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
