#include "../support/layer_laws.hpp"

#include <rathole/core/stacked_layer.hpp>
#include <rathole/websocket/layer.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <chrono>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

/// A generator that gives each layer the same bytes.
struct same_rng {
  std::uint8_t next = 0;
  void fill(byte_span out) {
    for (std::uint8_t& byte : out) byte = next = static_cast<std::uint8_t>(next * 5 + 113);
  }
};

using layer = websocket::layer<same_rng>;
static_assert(TimedLayer<layer>);
using stack = stacked_layer<layer, layer>;
static_assert(TimedLayer<stack>);

layer make_client() { return layer::client({.host = "example.com", .ping_interval = 10s}); }
layer make_server() { return layer::server({}); }

TEST_CASE("websocket: obeys the laws of Layer") {
  RATHOLE_PROPERTY("websocket", [] { layer_laws::check(make_client, make_server); });
}

/// Draws a frame to a server, of any kind and size, mostly valid.
byte_vector any_frame() {
  const auto first =
      *rc::gen::weightedOneOf<int>({{12, rc::gen::element(0x82, 0x02, 0x00, 0x80, 0x89, 0x8a)},
                                    {1, rc::gen::just(0x88)},
                                    {1, rc::gen::inRange(0, 256)}});
  byte_vector out{static_cast<std::uint8_t>(first)};
  byte_vector payload = *any_bytes(130);
  // Draws status codes near those with a meaning.
  if (first == 0x88 && payload.size() >= 2) {
    const int code = *rc::gen::inRange(998, 1018);
    payload[0] = static_cast<std::uint8_t>(code >> 8);
    payload[1] = static_cast<std::uint8_t>(code);
  }
  const auto size = static_cast<std::uint8_t>(payload.size());
  if (size < 126) {
    out.push_back(size | 0x80);
  } else {
    out.insert(out.end(), {126 | 0x80, 0, size});
  }
  return std::move(out) + byte_vector{1, 2, 3, 4} + payload;
}

TEST_CASE("websocket: obeys the laws of Layer, with interleaved control frames and fragments") {
  RATHOLE_PROPERTY("websocket, any frames", [] {
    const byte_view head = text(
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n");
    byte_vector input(head.begin(), head.end());
    for (int left = *rc::gen::inRange(0, 12); left > 0; --left) {
      input = std::move(input) + any_frame();
    }
    layer_laws::check_input(make_server, input);
  });
}

TEST_CASE("websocket on websocket: obeys the laws of Layer") {
  RATHOLE_PROPERTY("stacked_layer", [] {
    layer_laws::check([] { return stack(make_client(), make_client()); },
                      [] { return stack(make_server(), make_server()); }, {.reproducible = false});
  });
}

}  // namespace
}  // namespace rathole::test
