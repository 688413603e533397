#include "../support/layer_laws.hpp"
#include "botan_pair.hpp"

namespace rathole {
namespace {

namespace laws = test::layer_laws;

test::botan_layer make_client() { return test::botan_client(); }
test::botan_layer make_server() { return test::botan_server(); }

TEST_CASE("tls layer with Botan: the laws of layers") {
  // Tickets contain the time, so the output differs slightly each time.
  RATHOLE_PROPERTY("all laws", [] {
    laws::check(make_client, make_server, {.reproducible = false, .authenticated = true});
  });
}

TEST_CASE("tls layer with Botan: a replayed conversation with faults") {
  laws::end server(make_server());
  laws::end client(make_client());
  laws::exchange by;
  settle(client, server, by);
  client.send(test::text("heard"));
  settle(client, server, by);
  REQUIRE(server.received() == test::byte_vector{'h', 'e', 'a', 'r', 'd'});
  // A client that draws the same random bytes receives the same as the first did.
  CHECK(laws::behaviour_of(make_server(), by.client_sent, {}, false).received ==
        to_hex(server.received()));

  RATHOLE_PROPERTY("any split gives the same behaviour", [&by] {
    if (*rc::gen::arbitrary<bool>()) {
      laws::check_input(make_server, laws::any_variation(by.client_sent), false);
    } else {
      laws::check_input(make_client, laws::any_variation(by.server_sent), false);
    }
  });
}

}  // namespace
}  // namespace rathole
