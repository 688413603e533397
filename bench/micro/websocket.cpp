// Measures WebSocket as a relay uses it: bytes are framed at one end, and unframed at the other.

#include <rathole/websocket/layer.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using rathole::byte_buffer;
using rathole::byte_view;
using layer = rathole::websocket::layer<>;

struct pair {
  layer client = layer::client({.host = "example.com"});
  layer server = layer::server({});

  pair() {
    byte_buffer to_server;
    byte_buffer to_client;
    byte_buffer app;
    static_cast<void>(client.start(to_server));
    static_cast<void>(server.receive(to_server.data(), app, to_client));
    static_cast<void>(client.receive(to_client.data(), app, to_server));
  }
};

// Bytes that `from` sends in messages of the argument's size. A relay reuses its buffers.
void send(benchmark::State& state, layer& from) {
  const std::vector<std::uint8_t> message(static_cast<std::size_t>(state.range(0)), 0x5a);
  byte_buffer wire;
  for (auto _ : state) {
    wire.clear();
    if (!from.send(message, wire)) state.SkipWithError("not sent");
    benchmark::DoNotOptimize(wire.data().data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// Bytes that `to` receives of what `from` sent.
void receive(benchmark::State& state, layer& from, layer& to) {
  const std::vector<std::uint8_t> message(static_cast<std::size_t>(state.range(0)), 0x5a);
  byte_buffer wire;
  byte_buffer app;
  byte_buffer reply;
  static_cast<void>(from.send(message, wire));
  for (auto _ : state) {
    app.clear();
    if (!to.receive(byte_view(wire.data()), app, reply)) state.SkipWithError("not received");
    benchmark::DoNotOptimize(app.data().data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void websocket_send_unmasked(benchmark::State& state) {
  pair ends;
  send(state, ends.server);
}
void websocket_receive_unmasked(benchmark::State& state) {
  pair ends;
  receive(state, ends.server, ends.client);
}
void websocket_send_masked(benchmark::State& state) {
  pair ends;
  send(state, ends.client);
}
void websocket_receive_masked(benchmark::State& state) {
  pair ends;
  receive(state, ends.client, ends.server);
}

BENCHMARK(websocket_send_unmasked)->Arg(64)->Arg(8192)->Arg(65536);
BENCHMARK(websocket_receive_unmasked)->Arg(64)->Arg(8192)->Arg(65536);
BENCHMARK(websocket_send_masked)->Arg(64)->Arg(8192)->Arg(65536);
BENCHMARK(websocket_receive_masked)->Arg(64)->Arg(8192)->Arg(65536);

}  // namespace
