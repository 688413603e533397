#pragma once

#include <rathole/core/layer.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace rathole {

/// Runs one layer over another, such as WebSocket over TLS; models `TimedLayer`. The upper layer
/// starts when the lower one is open. The upper layer is closed first; the lower one is closed when
/// both directions of the upper one have ended, or if the upper one relies on the stream below to
/// signal its end. If both fail on the same input, the error of the upper one is reported, because
/// its data was sent first. If the input is split differently, the replies of the two layers may
/// change their order.
template <Layer Upper, Layer Lower>
class stacked_layer {
 public:
  /// Makes a layer that runs `upper` over `lower`.
  stacked_layer(Upper upper, Lower lower) : upper_(std::move(upper)), lower_(std::move(lower)) {}

  /// Begins the handshake of the lower layer; see `Layer`.
  result<void> start(byte_buffer& wire) {
    byte_buffer nothing;
    return advance(lower_.start(wire), nothing, wire);
  }

  /// Processes bytes from the stream below; see `Layer`.
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (error_) return failure(error_);
    up_.prepare(in.size());
    return advance(lower_.receive(in, up_, wire), app, wire);
  }

  /// Reports the end of the stream below; see `Layer`.
  result<void> receive_end() {
    if (error_) return failure(error_);
    const result<void> ended = lower_.receive_end();
    // Once the upper layer has ended, it does not matter how the lower layer's stream ends.
    if (started_ && !can_receive(upper_.state()) && upper_.state() != phase::handshaking) return {};
    if (!ended) return fail(ended.error());
    return note_failure(upper_.receive_end());
  }

  /// Sends application bytes through both layers; see `Layer`.
  result<void> send(byte_view in, byte_buffer& wire) {
    if (error_) return failure(error_);
    return note_failure(pass_down(upper_.send(in, down_), wire));
  }

  /// Closes the upper layer, and the lower one if that is due; see `Layer`.
  result<void> close(byte_buffer& wire) {
    if (error_) return failure(error_);
    const result<void> closed = upper_.close(down_);
    leaves_end_to_lower_ = down_.empty() && !can_send(upper_.state());
    return note_failure(pass_down(closed, wire));
  }

  /// Returns the phase of both layers together.
  [[nodiscard]] phase state() const {
    if (error_) return phase::closed;
    const phase upper = upper_.state();
    if (!started_ || upper == phase::handshaking) return phase::handshaking;
    const bool sends = can_send(upper) && can_send(lower_.state());
    if (can_receive(upper)) return sends ? phase::open : phase::write_closed;
    return sends ? phase::read_closed : phase::closed;
  }

  /// Polls the layers that have a timer; see `TimedLayer`.
  result<void> poll(time_point now, byte_buffer& wire) {
    if (error_) return failure(error_);
    if constexpr (TimedLayer<Lower>) {
      const result<void> polled = lower_.poll(now, wire);
      if (!polled) return fail(polled.error());
    }
    if constexpr (TimedLayer<Upper>) {
      if (started_) return note_failure(pass_down(upper_.poll(now, down_), wire));
    }
    return {};
  }

  /// Returns the earlier deadline of the two layers.
  [[nodiscard]] std::optional<time_point> deadline() const {
    std::optional<time_point> out;
    if (error_) return out;
    if constexpr (TimedLayer<Lower>) out = lower_.deadline();
    if constexpr (TimedLayer<Upper>) {
      const std::optional<time_point> other = upper_.deadline();
      if (other) out = std::min(out.value_or(*other), *other);
    }
    return out;
  }

  /// Returns what the handshakes agreed on; see `summary_of`.
  [[nodiscard]] std::string summary() const {
    const std::string upper = summary_of(upper_);
    const std::string lower = summary_of(lower_);
    return upper.empty() || lower.empty() ? upper + lower : upper + ", " + lower;
  }

 private:
  // Passes the output of the lower layer, which may have failed since, to the upper layer.
  result<void> advance(result<void> lower, byte_buffer& app, byte_buffer& wire) {
    result<void> upper;
    if (!started_ && (!up_.empty() || (lower && lower_.state() != phase::handshaking))) {
      started_ = true;
      upper = upper_.start(down_);
    }
    if (upper && !up_.empty()) upper = upper_.receive(up_.data(), app, down_);
    up_.free_memory();
    if (upper && lower && started_ && !can_receive(lower_.state()) && !below_ended_) {
      below_ended_ = true;
      if (can_receive(upper_.state()) || upper_.state() == phase::handshaking) {
        upper = upper_.receive_end();
      }
    }
    upper = pass_down(upper, wire);
    if (!upper) return fail(upper.error());
    return note_failure(lower);
  }

  // Sends the output of the upper layer, including its final message after an error.
  result<void> pass_down(result<void> upper, byte_buffer& wire) {
    if (!down_.empty() && can_send(lower_.state())) {
      const result<void> sent = lower_.send(down_.data(), wire);
      if (upper && !sent) upper = sent;
    }
    down_.free_memory();
    const bool ended = leaves_end_to_lower_ || (started_ && upper_.state() == phase::closed);
    if (upper && ended && !std::exchange(lower_closed_, true)) return lower_.close(wire);
    return upper;
  }

  result<void> note_failure(result<void> outcome) {
    if (!outcome) return fail(outcome.error());
    return outcome;
  }

  std::unexpected<std::error_code> fail(std::error_code ec) {
    error_ = ec;
    return failure(ec);
  }

  Upper upper_;
  Lower lower_;
  /// The output of the lower layer for the upper one, empty between calls. The memory is released
  /// after each call, because most connections are idle.
  byte_buffer up_;
  /// The output of the upper layer for the lower one, empty between calls; its memory is released
  /// too.
  byte_buffer down_;
  std::error_code error_;
  bool started_ = false;
  bool below_ended_ = false;
  bool leaves_end_to_lower_ = false;
  bool lower_closed_ = false;
};

}  // namespace rathole
