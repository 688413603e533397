// expect: f.server_layer()
#include <rathole/transport/layer_maker.hpp>

struct one_sided : rathole::transport::any_layer_factory {
#ifndef VALID
  void server_layer() const = delete;
#endif
};

static_assert(rathole::transport::LayerFactory<one_sided>);
