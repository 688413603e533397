#include <rathole/server/pool_limits.hpp>

#include <doctest/doctest.h>

namespace rathole::test {

TEST_CASE(
    "pool_limits_of: the pool grows from `size` to `max_size`, and never shrinks below `size`") {
  config::server_service service;
  const auto limits = [&] { return server_side::pool_limits_of(service, 1000); };
  CHECK(limits().size == 8);
  CHECK(limits().max_growth == 56);
  service.pool.max_size = 20;
  CHECK(limits().max_growth == 12);
  service.pool.size = 100;
  CHECK(limits().size == 100);
  CHECK(limits().max_growth == 0);
}

TEST_CASE("pool_limits_of: idle channels have a share of the descriptors") {
  config::server_service service;
  CHECK(server_side::pool_limits_of(service, 10).max_idle == 10);
  CHECK(server_side::pool_limits_of(service, 1000).max_idle == 256);
}

}  // namespace rathole::test
