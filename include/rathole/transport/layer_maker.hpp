#pragma once

#include <rathole/core/any_layer.hpp>
#include <rathole/transport/concepts.hpp>

#include <functional>
#include <utility>

namespace rathole::transport {

/// Makes the layer of one connection; called by several threads at once.
using layer_maker = std::function<result<any_layer>()>;

/// The layers that a configuration asks for, of a client or of a server. Models `LayerFactory`.
class any_layer_factory {
 public:
  using layer_type = any_layer;

  /// `make` makes the layers of `kind`.
  any_layer_factory(config::transport_kind kind, layer_maker make)
      : kind_(kind), make_(std::move(make)) {}

  [[nodiscard]] bool serves(config::transport_kind kind) const { return kind == kind_; }

  result<any_layer> client_layer() const { return make_(); }
  result<any_layer> server_layer() const { return make_(); }

 private:
  config::transport_kind kind_;
  layer_maker make_;
};

static_assert(LayerFactory<any_layer_factory>);

/// As a `layer_maker`: `make` yields a layer of any kind, or why there is none.
template <class F>
layer_maker erase_layers(F make) {
  return [make = std::move(make)]() -> result<any_layer> {
    auto made = make();
    if (!made) return failure(made.error());
    return any_layer::of(std::move(*made));
  };
}

}  // namespace rathole::transport
