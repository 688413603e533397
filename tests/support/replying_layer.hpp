#pragma once

#include <rathole/core/layer.hpp>

#include <cstdint>

namespace rathole::test {

/// A layer without a handshake or an end that responds to each byte 'p' with three bytes 'r'. All
/// other bytes pass both ways.
class replying_layer {
 public:
  result<void> start(byte_buffer&) {
    state_ = phase::open;
    return {};
  }
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    constexpr std::uint8_t reply[] = {'r', 'r', 'r'};
    for (const std::uint8_t& each : in) each == 'p' ? wire.append(reply) : app.append({&each, 1});
    return {};
  }
  result<void> receive_end() {
    state_ = phase::closed;
    return {};
  }
  result<void> send(byte_view in, byte_buffer& wire) {
    wire.append(in);
    return {};
  }
  result<void> close(byte_buffer&) {
    state_ = phase::closed;
    return {};
  }
  [[nodiscard]] phase state() const { return state_; }

 private:
  phase state_ = phase::handshaking;
};

static_assert(Layer<replying_layer>);

}  // namespace rathole::test
