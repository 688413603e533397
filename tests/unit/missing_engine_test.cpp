// This unit sees a build with Noise and without OpenSSL. It includes nothing of Noise itself.
#define RATHOLE_WITH_NOISE 1

#include <rathole/transport/missing_part.hpp>

#include <doctest/doctest.h>

namespace rathole::transport {
namespace {

TEST_CASE("missing_part: an engine of Noise that is not built in is reported with its key") {
  config::transport settings;
  settings.kind = config::transport_kind::noise;
  settings.noise.emplace();
  CHECK_FALSE(missing_part(settings, config::side::client));

  settings.noise->engine = config::noise_engine::openssl;
  const auto missing = missing_part(settings, config::side::client);
  REQUIRE(missing);
  CHECK(to_string(*missing) ==
        "client.transport.noise.engine: openssl is not built into this program; choose `botan`, or "
        "build it with `RATHOLE_WITH_OPENSSL`");

  // A table of another transport does not matter.
  settings.kind = config::transport_kind::tcp;
  CHECK_FALSE(missing_part(settings, config::side::client));
}

}  // namespace
}  // namespace rathole::transport
