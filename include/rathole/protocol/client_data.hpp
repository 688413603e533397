#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/messages.hpp>

#include <cstddef>
#include <optional>
#include <system_error>

namespace rathole::protocol {

/// Runs the client's side of a data channel until it carries traffic; models `Machine`. It never
/// takes a byte after the command, where the traffic begins. It has no deadline, because a data
/// channel may wait in the server's pool indefinitely.
///
/// | state            | input       | output | next             | event or error    |
/// |------------------|-------------|--------|------------------|-------------------|
/// | (start)          |             | Hello  | awaiting_command |                   |
/// | awaiting_command | command     |        | done             | the command       |
/// | awaiting_command | undecodable |        | failed           | the codec's error |
///
/// The server's side needs no machine: `hello_reader` reads the Hello, and the command is all
/// that the server sends (`Codec::encode_data_command`).
template <Codec C = bincode>
class client_data {
 public:
  /// The type of the events that `poll` returns.
  using event = data_command;

  /// Begins with a data Hello. `session_key` is the key of the control channel on which the server
  /// requested the data channel.
  explicit client_data(const digest& session_key) {
    out_.append(C::encode_hello({hello_kind::data, session_key}));
  }

  /// Returns how many bytes it accepts now; see `Machine`.
  [[nodiscard]] std::size_t wanted() const { return capacity() - in_.size(); }

  /// Takes received bytes; see `Machine`.
  std::size_t feed(byte_view in) { return in_.append_up_to(capacity(), in); }

  /// Returns the command once it is complete; see `Machine`. Fails with the errors of the codec.
  result<std::optional<event>> poll(time_point) {
    switch (state_) {
      case state::awaiting_command: {
        if (in_.size() < C::data_command_size) return std::nullopt;
        const result<data_command> command = C::decode_data_command(in_.data());
        in_.clear();
        state_ = command ? state::done : state::failed;
        if (command) return *command;
        error_ = command.error();
        break;
      }
      case state::done: return std::nullopt;
      case state::failed: break;
    }
    return failure(error_);
  }

  /// Appends the bytes to be sent; see `Machine`.
  bool transmit(byte_buffer& out) { return out_.drain_into(out); }

  /// Returns nothing: a data channel has no deadline.
  [[nodiscard]] std::optional<time_point> deadline() const { return std::nullopt; }

 private:
  enum class state { awaiting_command, done, failed };

  [[nodiscard]] std::size_t capacity() const {
    return state_ == state::awaiting_command ? C::data_command_size : 0;
  }

  state state_ = state::awaiting_command;
  std::error_code error_;
  byte_buffer in_;
  byte_buffer out_;
};

}  // namespace rathole::protocol
