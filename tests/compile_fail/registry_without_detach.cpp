// expect: registry.detach(key, key)
#include <rathole/protocol/registry.hpp>

struct incomplete_registry : rathole::protocol::map_registry<int, int> {
#ifndef VALID
  void detach() = delete;
#endif
};

static_assert(rathole::protocol::ServiceRegistry<incomplete_registry>);
