#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/layer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

/// The laws of the concept `Layer` that need one end only, checked along a script of deliveries,
/// time and calls of the application.
namespace rathole::fuzz {

/// One step of a script.
struct layer_step {
  enum class kind { deliver, send, close, pass, end } what;
  byte_view bytes = {};
  duration time = {};
};

/// Returns the steps that `in` encodes, one byte each for the kind and the argument.
inline std::vector<layer_step> layer_steps(fuzz_input& in) {
  std::vector<layer_step> out;
  while (!in.empty()) {
    // Deliveries are twice as likely.
    switch (in.below(6)) {
      case 0:
      case 5: out.push_back({.what = layer_step::kind::deliver, .bytes = in.bytes()}); break;
      case 1: out.push_back({.what = layer_step::kind::send, .bytes = in.bytes()}); break;
      case 2: out.push_back({.what = layer_step::kind::close}); break;
      case 3: out.push_back({.what = layer_step::kind::pass, .time = in.time()}); break;
      default: out.push_back({.what = layer_step::kind::end}); break;
    }
  }
  return out;
}

/// Runs a layer through a script, checks at each step the laws that need one run only, and records
/// its observable behaviour.
template <Layer L>
class layer_run {
 public:
  /// The observable state at the end of a step.
  struct view {
    std::vector<std::uint8_t> received;
    std::vector<std::uint8_t> sent;
    std::error_code error;
    phase state;
    bool operator==(const view&) const = default;
  };

  explicit layer_run(L layer) : layer_(std::move(layer)) { note(layer_.start(wire_)); }

  /// Deliveries arrive in pieces of at most `piece` bytes.
  void run(const std::vector<layer_step>& steps, std::size_t piece) {
    for (const layer_step& step : steps) {
      if (error_ || ended_) return;
      switch (step.what) {
        case layer_step::kind::deliver: deliver(step.bytes, piece); break;
        case layer_step::kind::send:
          if (!step.bytes.empty() && !closed_ && can_send(layer_.state())) {
            note(layer_.send(step.bytes, wire_));
          }
          break;
        case layer_step::kind::close:
          if (layer_.state() != phase::handshaking && !std::exchange(closed_, true)) {
            note(layer_.close(wire_));
          }
          break;
        case layer_step::kind::pass:
          now_ += step.time;
          poll();
          break;
        case layer_step::kind::end:
          ended_ = true;
          note(layer_.receive_end());
          check(error_ || !can_receive(layer_.state()));
          break;
      }
      keep();
    }
  }

  [[nodiscard]] const std::vector<view>& trace() const { return trace_; }

 private:
  void deliver(byte_view in, std::size_t piece) {
    while (!in.empty() && !error_) {
      const byte_view part = in.first(std::min(piece, in.size()));
      in = in.subspan(part.size());
      note(layer_.receive(part, app_, wire_));
    }
  }

  void poll() {
    if constexpr (TimedLayer<L>) {
      note(layer_.poll(now_, wire_));
      check(!layer_.deadline() || *layer_.deadline() > now_);
    }
  }

  void note(const result<void>& outcome) {
    if (outcome || error_) return;
    error_ = outcome.error();
    check_terminal();
  }

  // After an error every call returns that error, and there is nothing more to send.
  void check_terminal() {
    const std::size_t sent = wire_.size();
    const std::size_t received = app_.size();
    const auto fails = [this](const result<void>& outcome) {
      return !outcome && outcome.error() == error_;
    };
    check(!can_send(layer_.state()) && !can_receive(layer_.state()));
    check(fails(layer_.receive(std::array<std::uint8_t, 300>{}, app_, wire_)));
    check(fails(layer_.receive_end()) && fails(layer_.close(wire_)));
    if constexpr (TimedLayer<L>) {
      check(!layer_.deadline() && fails(layer_.poll(now_, wire_)));
    }
    check(wire_.size() == sent && app_.size() == received);
  }

  void keep() {
    const auto bytes = [](byte_buffer& from) {
      std::vector<std::uint8_t> out(from.data().begin(), from.data().end());
      from.clear();
      return out;
    };
    trace_.push_back({bytes(app_), bytes(wire_), error_, layer_.state()});
  }

  L layer_;
  byte_buffer app_;
  byte_buffer wire_;
  std::error_code error_;
  time_point now_{std::chrono::hours(1)};
  bool closed_ = false;
  bool ended_ = false;
  std::vector<view> trace_;
};

/// Checks all laws on the script that `in` encodes; its first byte is one way to split the
/// deliveries. Chunking invariance: any split gives the same trace. `make` makes layers that send
/// the same if they receive the same; `opening` is what each of them receives first.
template <class Make>
void check_layer(Make make, fuzz_input& in, byte_view opening = {}) {
  const std::size_t some = 1u + in.byte();
  std::vector<layer_step> steps = layer_steps(in);
  steps.insert(steps.begin(), {.what = layer_step::kind::deliver, .bytes = opening});
  layer_run whole(make());
  whole.run(steps, std::numeric_limits<std::size_t>::max());
  for (const std::size_t piece : {std::size_t{1}, some}) {
    layer_run split(make());
    split.run(steps, piece);
    check(split.trace() == whole.trace());
  }
}

}  // namespace rathole::fuzz
