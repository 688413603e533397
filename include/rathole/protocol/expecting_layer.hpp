#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/protocol/recognise.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::protocol {

/// A layer whose peer is expected to begin with `Expected`; models `Layer`, and `TimedLayer` where `L`
/// does. If the first bytes look like another protocol, the handshake fails at once with `spoke` of
/// it, in place of whatever error or endless wait they would cause. The layer inside still answers
/// them, so that the peer can recognise it in turn.
template <Layer L, wire_look Expected>
class expecting_layer {
 public:
  explicit expecting_layer(L inside) : inside_(std::move(inside)) {}

  result<void> start(byte_buffer& wire) { return inside_.start(wire); }

  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (error_) return failure(error_);
    if (seen_ < look_size) {
      const std::size_t count = std::min(in.size(), look_size - seen_);
      std::copy_n(in.begin(), count, first_.begin() + static_cast<std::ptrdiff_t>(seen_));
      seen_ += count;
      in = in.subspan(count);
      if (seen_ < look_size) return {};
      const result<void> begun = inside_.receive(first_, app, wire);
      const wire_look look = recognise(first_);
      if (look != wire_look::other && look != Expected) {
        error_ = spoke(look);
        return failure(error_);
      }
      if (!begun || in.empty()) return begun;
    }
    return inside_.receive(in, app, wire);
  }

  result<void> receive_end() {
    if (error_) return failure(error_);
    return inside_.receive_end();
  }

  result<void> send(byte_view in, byte_buffer& wire) {
    if (error_) return failure(error_);
    return inside_.send(in, wire);
  }

  result<void> close(byte_buffer& wire) {
    if (error_) return failure(error_);
    return inside_.close(wire);
  }

  [[nodiscard]] phase state() const { return error_ ? phase::closed : inside_.state(); }

  result<void> poll(time_point now, byte_buffer& wire)
    requires TimedLayer<L>
  {
    if (error_) return failure(error_);
    return inside_.poll(now, wire);
  }

  [[nodiscard]] std::optional<time_point> deadline() const
    requires TimedLayer<L>
  {
    return error_ ? std::nullopt : inside_.deadline();
  }

 private:
  L inside_;
  /// The first bytes, until all of them are there.
  std::array<std::uint8_t, look_size> first_{};
  std::size_t seen_ = 0;
  std::error_code error_;
};

}  // namespace rathole::protocol
