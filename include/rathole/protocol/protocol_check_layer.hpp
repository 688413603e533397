#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/protocol/detect_protocol.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::protocol {

/// Runs a layer whose peer is expected to begin with the protocol `Expected`; models `Layer`, and
/// `TimedLayer` if `L` does. If the first bytes look like another protocol, the handshake fails at
/// once with `wrong_protocol` of that protocol, in place of the error or the endless wait that they
/// would cause. The layer inside still processes them, so that its reply lets the peer recognise
/// the mistake too.
template <Layer L, wire_protocol Expected>
class protocol_check_layer {
 public:
  /// Makes a layer that runs `inside`.
  explicit protocol_check_layer(L inside) : inside_(std::move(inside)) {}

  /// Begins the handshake; see `Layer`.
  result<void> start(byte_buffer& wire) { return inside_.start(wire); }

  /// Processes bytes from the stream below, after a check of the first `detection_size`; see
  /// `Layer`.
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (error_) return failure(error_);
    if (seen_ < detection_size) {
      const std::size_t count = std::min(in.size(), detection_size - seen_);
      std::copy_n(in.begin(), count, first_.begin() + static_cast<std::ptrdiff_t>(seen_));
      seen_ += count;
      in = in.subspan(count);
      if (seen_ < detection_size) return {};
      const result<void> begun = inside_.receive(first_, app, wire);
      const wire_protocol detected = detect_protocol(first_);
      if (detected != wire_protocol::other && detected != Expected) {
        error_ = wrong_protocol(detected);
        return failure(error_);
      }
      if (!begun || in.empty()) return begun;
    }
    return inside_.receive(in, app, wire);
  }

  /// Reports the end of the stream below; see `Layer`.
  result<void> receive_end() {
    if (error_) return failure(error_);
    return keep(inside_.receive_end());
  }

  /// Sends application bytes; see `Layer`.
  result<void> send(byte_view in, byte_buffer& wire) {
    if (error_) return failure(error_);
    return keep(inside_.send(in, wire));
  }

  /// Ends our direction; see `Layer`.
  result<void> close(byte_buffer& wire) {
    if (error_) return failure(error_);
    return keep(inside_.close(wire));
  }

  /// Returns the phase of the layer.
  [[nodiscard]] phase state() const { return error_ ? phase::closed : inside_.state(); }

  /// Acts on the passage of time; see `TimedLayer`.
  result<void> poll(time_point now, byte_buffer& wire)
    requires TimedLayer<L>
  {
    if (error_) return failure(error_);
    return keep(inside_.poll(now, wire));
  }

  /// Returns when `poll` is due; see `TimedLayer`.
  [[nodiscard]] std::optional<time_point> deadline() const
    requires TimedLayer<L>
  {
    return error_ ? std::nullopt : inside_.deadline();
  }

  /// Returns what the handshake agreed on; see `summary_of`.
  [[nodiscard]] std::string summary() const { return summary_of(inside_); }

 private:
  /// Remembers the error of the layer inside, so that bytes that arrive after it are not examined.
  result<void> keep(result<void> done) {
    if (!done) error_ = done.error();
    return done;
  }

  L inside_;
  /// The first bytes of the peer, until all `detection_size` of them have arrived.
  std::array<std::uint8_t, detection_size> first_{};
  std::size_t seen_ = 0;
  std::error_code error_;
};

}  // namespace rathole::protocol
