// expect: ServiceRegistry
#include <rathole/protocol/registry.hpp>

struct incomplete_registry : rathole::protocol::map_registry<int, int> {
#ifndef VALID
  void detach();
#endif
};

void serve(rathole::protocol::ServiceRegistry auto& registry);

void run(incomplete_registry& registry) { serve(registry); }
