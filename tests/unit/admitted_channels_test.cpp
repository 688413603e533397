#include <rathole/server/descriptors.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>

namespace rathole::server_side {
namespace {

TEST_CASE("admitted channels: a UDP service grows as far as the descriptors allow") {
  struct example {
    const char* what;
    std::size_t wanted;
    std::size_t per_channel;
    std::size_t left;
    std::size_t before;
    std::size_t admitted;
  };
  // The service has one address, and its session holds that, the control channel and the data
  // channels before.
  for (const example& each :
       {example{"there is enough", 8, 1, 100, 2, 8}, example{"just enough", 8, 1, 6, 2, 8},
        example{"for some", 8, 1, 5, 2, 7}, example{"for none", 8, 1, 0, 2, 2},
        example{"fewer are wanted", 1, 1, 0, 2, 1},
        example{"two descriptors for each", 8, 2, 5, 2, 4},
        example{"multiplexed streams need none", 8, 0, 0, 2, 8}}) {
    CAPTURE(each.what);
    config::server_service service;
    service.kind = config::service_kind::udp;
    service.bind_addr = address("0.0.0.0", 8000);
    service.pool.size = each.wanted;
    const std::size_t held = descriptors_of_session(service, each.per_channel, each.before);
    CHECK(admitted_channels(service, each.per_channel, held, each.left, each.before) ==
          each.admitted);
    // Another address takes descriptors, too, but those data channels that there are stay.
    service.bind_addr = address_list({{"0.0.0.0", 8000}, {"0.0.0.0", 8001}, {"0.0.0.0", 8002}});
    const std::size_t fewer =
        admitted_channels(service, each.per_channel, held, each.left, each.before);
    CHECK(fewer <= each.admitted);
    CHECK(fewer >= std::min(each.wanted, each.before));
  }
}

}  // namespace
}  // namespace rathole::server_side
