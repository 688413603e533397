// expect: ServiceRegistry
#include <rathole/protocol/registry.hpp>

struct forgetful : rathole::protocol::map_registry<int, int> {
#ifndef VALID
  void detach();
#endif
};

void serve(rathole::protocol::ServiceRegistry auto& registry);

void run(forgetful& registry) { serve(registry); }
