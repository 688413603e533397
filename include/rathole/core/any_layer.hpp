#pragma once

#include <rathole/core/layer.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace rathole {

/// Any `Layer`, whose type is chosen at run time; models `TimedLayer`. A layer without a timer gets
/// a `poll` that does nothing and no deadline.
class any_layer {
 public:
  /// Returns an `any_layer` that owns `layer`. This is a static function because a converting
  /// constructor would make the check of the `Layer` concept depend on itself.
  template <Layer L>
  static any_layer of(L layer) {
    return any_layer(std::make_unique<holder<L>>(std::move(layer)));
  }

  /// Begins the handshake; see `Layer`.
  result<void> start(byte_buffer& wire) { return held_->start(wire); }
  /// Processes bytes from the stream below; see `Layer`.
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    return held_->receive(in, app, wire);
  }
  /// Reports the end of the stream below; see `Layer`.
  result<void> receive_end() { return held_->receive_end(); }
  /// Sends application bytes; see `Layer`.
  result<void> send(byte_view in, byte_buffer& wire) { return held_->send(in, wire); }
  /// Ends our direction; see `Layer`.
  result<void> close(byte_buffer& wire) { return held_->close(wire); }
  /// Returns the phase of the layer that it holds.
  [[nodiscard]] phase state() const { return held_->state(); }
  /// Acts on the passage of time; see `TimedLayer`.
  result<void> poll(time_point now, byte_buffer& wire) { return held_->poll(now, wire); }
  /// Returns when `poll` is due; see `TimedLayer`.
  [[nodiscard]] std::optional<time_point> deadline() const { return held_->deadline(); }
  /// Returns what its handshake agreed on; see `summary_of`.
  [[nodiscard]] std::string summary() const { return held_->summary(); }

 private:
  struct base {
    virtual ~base() = default;
    virtual result<void> start(byte_buffer&) = 0;
    virtual result<void> receive(byte_view, byte_buffer&, byte_buffer&) = 0;
    virtual result<void> receive_end() = 0;
    virtual result<void> send(byte_view, byte_buffer&) = 0;
    virtual result<void> close(byte_buffer&) = 0;
    virtual phase state() const = 0;
    virtual result<void> poll(time_point, byte_buffer&) = 0;
    virtual std::optional<time_point> deadline() const = 0;
    virtual std::string summary() const = 0;
  };

  template <Layer L>
  struct holder final : base {
    explicit holder(L made) : layer(std::move(made)) {}
    result<void> start(byte_buffer& wire) override { return layer.start(wire); }
    result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) override {
      return layer.receive(in, app, wire);
    }
    result<void> receive_end() override { return layer.receive_end(); }
    result<void> send(byte_view in, byte_buffer& wire) override { return layer.send(in, wire); }
    result<void> close(byte_buffer& wire) override { return layer.close(wire); }
    phase state() const override { return layer.state(); }
    result<void> poll([[maybe_unused]] time_point now,
                      [[maybe_unused]] byte_buffer& wire) override {
      if constexpr (TimedLayer<L>) return layer.poll(now, wire);
      return {};
    }
    std::optional<time_point> deadline() const override {
      if constexpr (TimedLayer<L>) return layer.deadline();
      return std::nullopt;
    }
    std::string summary() const override { return summary_of(layer); }
    L layer;
  };

  explicit any_layer(std::unique_ptr<base> held) : held_(std::move(held)) {}

  std::unique_ptr<base> held_;
};

static_assert(TimedLayer<any_layer>);

}  // namespace rathole
