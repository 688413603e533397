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

/// The client's end of a data channel until it carries traffic; models `Machine`. It never takes
/// an octet behind the command: there the traffic begins. It may wait in the server's pool for
/// ever, so it has no deadline.
///
/// | state            | input       | output | next             | event or error    |
/// |------------------|-------------|--------|------------------|-------------------|
/// | (start)          |             | Hello  | awaiting_command |                   |
/// | awaiting_command | command     |        | done             | the command       |
/// | awaiting_command | undecodable |        | failed           | the codec's error |
///
/// The server's end needs no machine: the Hello came through `server_greeting`, and the command is
/// all that it sends (`Codec::encode_data_command`).
template <Codec C = bincode>
class client_data {
 public:
  using event = data_command;

  /// `session_key` is that of the control channel on which the server asked for the data channel.
  explicit client_data(const digest& session_key) {
    out_.append(C::encode_hello({hello_kind::data, session_key}));
  }

  [[nodiscard]] std::size_t wanted() const { return capacity() - in_.size(); }

  std::size_t feed(byte_view in) { return in_.append_up_to(capacity(), in); }

  /// Errors: those of the codec.
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

  bool transmit(byte_buffer& out) { return out_.drain_into(out); }

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
