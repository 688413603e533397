#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/any_layer.hpp>
#include <rathole/transport/concepts.hpp>

#include <functional>
#include <utility>

namespace rathole::transport {

/// A function that makes the layer of one connection; it may be called by several threads at once.
using layer_maker = std::function<result<any_layer>()>;

/// A function that makes the layer of one connection to the server that the configuration calls
/// `server`; it may be called by several threads at once.
using client_layer_maker = std::function<result<any_layer>(const address& server)>;

/// Makes the layers that the configuration of a server asks for, or that lead to one server. Models
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

/// Makes the layers that the configuration of a client asks for, whose servers have different names
/// in certificates and requests. Models `LayerFactory`.
class client_layer_factory {
 public:
  /// The type of the layers.
  using layer_type = any_layer;

  /// Makes a factory of the transport `kind`, whose layers come from `make`.
  client_layer_factory(config::transport_kind kind, client_layer_maker make)
      : kind_(kind), make_(std::move(make)) {}

  /// Returns whether the layers are those of `kind`; see `LayerFactory`.
  [[nodiscard]] bool serves(config::transport_kind kind) const { return kind == kind_; }

  /// Returns the same factory for connections to `server`; see `transport::towards`.
  [[nodiscard]] client_layer_factory towards(const address& server) const {
    client_layer_factory out = *this;
    out.server_ = server;
    return out;
  }

  /// Returns the layer of a dialled connection; see `LayerFactory`.
  result<any_layer> client_layer() const { return make_(server_); }
  /// Returns the same; a client accepts no connections.
  result<any_layer> server_layer() const { return make_(server_); }

 private:
  config::transport_kind kind_;
  client_layer_maker make_;
  address server_;
};

static_assert(LayerFactory<any_layer_factory>);
static_assert(LayerFactory<client_layer_factory>);

}  // namespace rathole::transport
