#pragma once

#include <rathole/core/any_layer.hpp>
#include <rathole/transport/concepts.hpp>

#include <functional>
#include <utility>

namespace rathole::transport {

/// A function that makes the layer of one connection; it may be called by several threads at once.
using layer_maker = std::function<result<any_layer>()>;

/// Makes the layers that the configuration of a client or of a server asks for. Models
/// `LayerFactory`.
class any_layer_factory {
 public:
  /// The type of the layers.
  using layer_type = any_layer;

  /// Makes a factory of the transport `kind`, whose layers come from `make`.
  any_layer_factory(config::transport_kind kind, layer_maker make)
      : kind_(kind), make_(std::move(make)) {}

  /// Returns whether the layers are those of `kind`; see `LayerFactory`.
  [[nodiscard]] bool serves(config::transport_kind kind) const { return kind == kind_; }

  /// Returns the layer of a dialled connection; see `LayerFactory`.
  result<any_layer> client_layer() const { return make_(); }
  /// Returns the layer of an accepted connection; see `LayerFactory`.
  result<any_layer> server_layer() const { return make_(); }

 private:
  config::transport_kind kind_;
  layer_maker make_;
};

static_assert(LayerFactory<any_layer_factory>);

}  // namespace rathole::transport
