#pragma once

#include <rathole/io/run/task_group.hpp>
#include <rathole/sim/world.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace rathole::test {

inline byte_view bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The result of a coroutine that a test started.
template <class T>
using pending = std::shared_ptr<std::optional<result<T>>>;

/// A simulation with two hosts that runs coroutines on behalf of a test.
struct sim_bench {
  explicit sim_bench(std::uint64_t seed = 1) : world(seed), tasks(world.get_executor()) {}

  sim::world world;
  io::task_group tasks;
  sim::runtime server = world.make_runtime("server");
  sim::runtime client = world.make_runtime("client");

  /// Starts `work` without letting time pass.
  template <class T>
  pending<T> begin(io::task<T> work) {
    auto found = std::make_shared<std::optional<result<T>>>();
    tasks.spawn(keep(std::move(work), found));
    return found;
  }

  /// Runs the world until `work`, which was started before, has ended.
  template <class T>
  result<T> get(const pending<T>& work) {
    REQUIRE(world.run_until([&] { return work->has_value(); }) == sim::outcome::done);
    return std::move(**work);
  }

  /// Runs the world until `work` has ended.
  template <class T>
  result<T> get(io::task<T> work) {
    return get(begin(std::move(work)));
  }

  /// As `get`, for operations that must not fail.
  template <class T>
  T must(io::task<T> work) {
    result<T> found = get(std::move(work));
    REQUIRE_MESSAGE(found.has_value(), found.error().message());
    if constexpr (!std::is_void_v<T>) return std::move(*found);
  }

  /// Dials `to` from the client's host.
  io::task<sim::stream> dial(const address& to, time_point deadline = time_point::max()) {
    return client.connect(to, {}, deadline, {});
  }

 private:
  template <class T>
  static io::awaitable<void> keep(io::task<T> work, pending<T> found) {
    auto ended = co_await std::move(work);
    found->emplace(std::move(ended));
  }
};

/// Returns a connection from the client's host to the server's.
struct sim_connection {
  explicit sim_connection(sim_bench& bench, std::uint16_t port = 80)
      : listening(bench.must(bench.server.listen(address{"0.0.0.0", port}))),
        near(bench.must(bench.dial(address{"server", port}))),
        far(bench.must(listening.accept())) {}

  sim::acceptor listening;
  sim::stream near;
  sim::stream far;
};

/// Reads `from` to its end, or its error.
inline io::task<std::string> read_all(sim::stream& from) {
  std::string all;
  for (;;) {
    std::uint8_t buffer[4096];
    auto count = co_await from.read_some(buffer);
    if (!count) co_return failure(count.error());
    if (*count == 0) co_return all;
    all.append(reinterpret_cast<const char*>(buffer), *count);
  }
}

/// Reads once.
inline io::task<std::string> read_once(sim::stream& from) {
  std::uint8_t buffer[4096];
  auto count = co_await from.read_some(buffer);
  if (!count) co_return failure(count.error());
  co_return std::string(reinterpret_cast<const char*>(buffer), *count);
}

}  // namespace rathole::test
