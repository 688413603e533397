// expect: LayerFactory
#include <rathole/transport/layer_maker.hpp>

struct one_sided : rathole::transport::any_layer_factory {
#ifndef VALID
  void server_layer() const;
#endif
};

void use(const rathole::transport::LayerFactory auto& factory);

void run(const one_sided& factory) { use(factory); }
