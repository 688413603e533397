// Services whose `local_addr` is their own public port on the server: each visitor, or each
// datagram, causes another one.

#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/tunnel.hpp"
#include "../support/udp.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <poll.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

std::size_t descriptors(const process& program) {
  const std::filesystem::path folder = "/proc/" + std::to_string(program.pid()) + "/fd";
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

bool has_logged(const process& program, std::string_view text) {
  return program.output().contains(text);
}

bool has_ended(const tcp_socket& visitor) {
  pollfd look{visitor.fd(), POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0;
}

TEST_CASE("loop: a service that leads back to itself is detected, and other services continue") {
  for (const std::size_t visitors : {1UL, 6UL}) {
    CAPTURE(visitors);
    service local(echo);
    tunnel both({"our server, our client", our_program(), our_program()});
    const std::uint16_t looping = both.add_server_only("looping");
    both.add_client_only("looping", looping);
    const std::uint16_t sound = both.add("sound", local.port());
    both.start_server_first();
    INFO(both.logs());
    REQUIRE(eventually([&] { return round_trip(sound); }));
    // One line for the clients and one for each service; probing a port would count as a visit.
    REQUIRE(both.server->wait_for("Listening at", 3));
    const std::size_t server_before = descriptors(*both.server);
    const std::size_t client_before = descriptors(*both.client);

    std::vector<tcp_socket> came;
    for (std::size_t i = 0; i < visitors; ++i) {
      came.push_back(tcp_socket::connect(looping));
      came.back().send_all("hello");
    }
    std::size_t most = 0;
    const auto all_are_refused = [&] {
      most = std::max(most, descriptors(*both.server));
      CHECK(round_trip(sound));
      return std::ranges::all_of(came, has_ended);
    };
    CHECK(eventually(all_are_refused));
    MESSAGE("most descriptors of the server: " << most << ", of them before: " << server_before);
    CHECK(most < 1000);
    CHECK(has_logged(*both.server, "leads back to itself"));

    // There may be one or two more idle data channels than before.
    CHECK(eventually([&] { return descriptors(*both.server) <= server_before + 20; }));
    CHECK(eventually([&] { return descriptors(*both.client) <= client_before + 20; }));
    CHECK(round_trip(sound));
    // The next visitor is refused at once, and causes at most one other connection.
    tcp_socket next = tcp_socket::connect(looping);
    CHECK(eventually([&] { return has_ended(next); }));
    CHECK(descriptors(*both.server) <= server_before + 20);
  }
}

TEST_CASE(
    "loop: a UDP service that leads back to itself is reported, and its datagrams are dropped") {
  tunnel both({"our server, our client", our_program(), our_program()});
  const std::uint16_t port = free_udp_port();
  both.add_udp_at("looping", port, {}, port);
  both.start_server_first();
  INFO(both.logs());
  REQUIRE(both.server->wait_for("Listening at", 2));
  const std::size_t before = descriptors(*both.client);
  udp_socket visitor;
  visitor.connect(port);
  // The first visitors may arrive before the data channels.
  const auto is_reported = [&] {
    visitor.send("x");
    return has_logged(*both.client, "leads back to itself");
  };
  CHECK(eventually(is_reported));
  CHECK(has_logged(*both.client, "client.services.looping.local_addr"));
  for (int i = 0; i < 100; ++i) visitor.send("x");
  // The visitor's descriptor, and data channels that may have been opened since.
  CHECK(descriptors(*both.client) <= before + 10);
}

TEST_CASE("loop: a thousand visitors from the client's own address are not taken for a loop") {
  service local(echo);
  tunnel both({"our server, our client", our_program(), our_program()});
  const std::uint16_t port = both.add("echo", local.port());
  both.start_server_first();
  INFO(both.logs());
  REQUIRE(eventually([&] { return round_trip(port); }));
  visitor_crowd crowd(1000, 2000, 41);
  CHECK(crowd.visit(port, test_timeout) == "");
  CHECK_FALSE(has_logged(*both.server, "leads back to itself"));
}

}  // namespace
}  // namespace rathole::test
