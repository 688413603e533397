#pragma once

#include <rathole/io/mux/connection.hpp>

#include "support/sim_world.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rathole::test {

/// Reads `from` to its end, or its error.
template <io::ByteStream S>
io::task<std::string> read_to_end(S& from, std::size_t at_once = 4096) {
  std::string all;
  std::vector<std::uint8_t> buffer(at_once);
  for (;;) {
    const byte_span room(buffer);
    const auto count = co_await from.read_some(room);
    if (!count) co_return failure(count.error());
    if (*count == 0) co_return all;
    all.append(reinterpret_cast<const char*>(buffer.data()), *count);
  }
}

/// Reads once.
template <io::ByteStream S>
io::task<std::string> read_some(S& from, std::size_t at_most = 4096) {
  std::vector<std::uint8_t> buffer(at_most);
  const byte_span room(buffer);
  const auto count = co_await from.read_some(room);
  if (!count) co_return failure(count.error());
  co_return std::string(reinterpret_cast<const char*>(buffer.data()), *count);
}

/// Writes `text`, of which it keeps a copy, and ends the direction.
template <io::ByteStream S>
io::task<void> write_and_end(S& to, std::string text) {
  const auto written = co_await to.write(bytes(text));
  if (!written) co_return failure(written.error());
  co_return co_await to.shutdown_send();
}

/// Returns bytes that depend on `seed`.
inline std::string mixed_bytes(std::size_t size, std::uint64_t seed) {
  std::string out(size, '\0');
  for (char& byte : out) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(seed >> 56);
  }
  return out;
}

/// Two ends of a multiplexed connection in a simulation. What the client opens is in `accepted`.
struct sim_mux {
  using connection = io::mux_connection<sim::runtime, sim::stream>;

  explicit sim_mux(std::uint64_t seed = 1, const mux::settings& own = {},
                   const sim::link_conditions& conditions = {})
      : bench(seed) {
    bench.world.net().set_conditions(conditions);
    sim_connection pair(bench);
    client =
        connection::make(bench.client, std::move(pair.near), mux::role::client, own, own.allowed());
    server =
        connection::make(bench.server, std::move(pair.far), mux::role::server, own, own.allowed());
    client->authenticated();
    server->authenticated();
    server->set_on_open([this](io::mux_stream opened) { accepted.push_back(std::move(opened)); });
    client_end = bench.begin(client->run());
    server_end = bench.begin(server->run());
  }
  /// Ends both, so that no coroutine is left.
  ~sim_mux() {
    if (client) client->abort();
    if (server) server->abort();
    bench.world.run_for(std::chrono::minutes(1));
  }

  /// Opens a stream at the client, and returns both of its ends.
  std::pair<io::mux_stream, io::mux_stream> open() {
    auto opened = client->open();
    REQUIRE(opened);
    const std::size_t before = accepted.size();
    REQUIRE(bench.world.run_until([&] { return accepted.size() > before; }) == sim::outcome::done);
    io::mux_stream far = std::move(accepted.back());
    accepted.pop_back();
    return {std::move(*opened), std::move(far)};
  }

  sim_bench bench;
  std::shared_ptr<connection> client;
  std::shared_ptr<connection> server;
  std::vector<io::mux_stream> accepted;
  pending<void> client_end;
  pending<void> server_end;
};

}  // namespace rathole::test
