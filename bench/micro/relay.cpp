// Measures a relay between two loopback connections. One thread is visitor, relay and service in
// turn, so the times are processor time, without waiting for another thread.

#include "io/relay_fixture.hpp"

#include <benchmark/benchmark.h>

#include <sys/socket.h>

#include <array>
#include <string>

namespace {

using rathole::test::relay_fixture;

// A message through the relay, and a response: two wake-ups. The argument is the size.
void ping(benchmark::State& state) {
  relay_fixture fixture;
  const std::string message(static_cast<std::size_t>(state.range(0)), 'x');
  std::string buffer(message.size(), '\0');
  const auto cross = [&](rathole::test::tcp_socket& from, rathole::test::tcp_socket& to) {
    from.send_all(message);
    for (std::size_t have = 0; have < buffer.size();) {
      const auto taken = ::recv(to.fd(), buffer.data() + have, buffer.size() - have, MSG_DONTWAIT);
      if (taken > 0) {
        have += static_cast<std::size_t>(taken);
      } else if (fixture.context.poll() == 0 && fixture.status) {
        return false;
      }
    }
    return true;
  };
  for (auto _ : state) {
    if (!cross(fixture.left, fixture.right) || !cross(fixture.right, fixture.left)) {
      state.SkipWithError("the relay ended");
    }
  }
}
BENCHMARK(ping)->Arg(1)->Arg(64)->Arg(1024);

// Bytes in one direction, as many as the sockets accept. The argument is the size of the writes.
void bulk(benchmark::State& state) {
  relay_fixture fixture;
  const std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  std::string buffer(256 * 1024, '\0');
  std::int64_t carried = 0;
  for (auto _ : state) {
    ::send(fixture.left.fd(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    fixture.context.poll();
    for (;;) {
      const auto taken = ::recv(fixture.right.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (taken <= 0) break;
      carried += taken;
    }
    if (fixture.status) state.SkipWithError("the relay ended");
  }
  state.SetBytesProcessed(carried);
}
BENCHMARK(bulk)->Arg(4 * 1024)->Arg(64 * 1024)->Arg(256 * 1024);

}  // namespace
