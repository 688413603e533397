// What broken relays leave behind.

#include "io/relay_fixture.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>

namespace rathole::test {
namespace {

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

/// A bulky flow whose receiver goes away in the midst of it, with octets still in a pipe.
void break_a_bulky_flow(const std::string& octets) {
  relay_fixture relay;
  std::jthread sender([&] {
    try {
      for (;;) relay.left.send_all(octets);
    } catch (const std::system_error&) {
      return;
    }
  });
  std::jthread receiver([&] {
    relay.right.receive(4 * 1024 * 1024);
    relay.right.reset();
  });
  relay.run();
}

}  // namespace

TEST_SUITE("descriptors") {
  TEST_CASE("flows that break while they are spliced leave none open") {
    const std::string octets = scrambled(1024 * 1024, 11);
    for (int i = 0; i < 3; ++i) break_a_bulky_flow(octets);
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 20; ++i) break_a_bulky_flow(octets);
    // An empty pipe may be kept for the next flow.
    CHECK(open_descriptors() <= before + 2);
  }
}

}  // namespace rathole::test
