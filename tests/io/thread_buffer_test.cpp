#include <rathole/core/byte_buffer.hpp>
#include <rathole/io/relay/layer_buffers.hpp>
#include <rathole/io/relay/thread_buffer.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace rathole::test {

namespace {

using memory = io::thread_buffer<byte_buffer>;

constexpr std::array<std::uint8_t, 6> secret{'s', 'e', 'c', 'r', 'e', 't'};

/// Returns the raw memory of the next loan, although the loan holds no bytes.
bool still_there(memory& of) {
  const auto use = of.lend();
  REQUIRE(use);
  REQUIRE((*use)->empty());
  const byte_span room = (*use)->prepare(secret.size());
  return std::ranges::equal(room, secret);
}

/// Leaves bytes in the memory, as if code had bypassed the loan.
struct dirty {
  [[nodiscard]] bool empty() const { return false; }
  void clear() {}
  void wipe() {}
};

}  // namespace

TEST_SUITE("thread buffer") {
  TEST_CASE("a loan begins empty, however the previous one ended") {
    memory shared;
    {
      const auto use = shared.lend();
      REQUIRE(use);
      (*use)->append(secret);
    }
    CHECK((*shared.lend())->empty());
    try {
      const auto use = shared.lend();
      (*use)->append(secret);
      throw std::runtime_error("in the middle of it");
    } catch (const std::runtime_error&) {
    }
    CHECK((*shared.lend())->empty());
  }

  TEST_CASE("only one loan exists at a time") {
    memory shared;
    auto first = shared.lend();
    REQUIRE(first);
    const auto second = shared.lend();
    REQUIRE_FALSE(second);
    CHECK(second.error() == std::errc::state_not_recoverable);
    {
      const auto moved = std::move(*first);
      CHECK_FALSE(shared.lend());
    }
    CHECK(shared.lend());
  }

  TEST_CASE("memory that holds bytes is never lent, in every build type") {
    io::thread_buffer<dirty> shared;
    const auto use = shared.lend();
    REQUIRE_FALSE(use);
    CHECK(use.error() == std::errc::state_not_recoverable);
  }

  TEST_CASE("wiped memory is overwritten at once, or when the loan ends") {
    memory shared;
    {
      const auto use = shared.lend();
      (*use)->append(secret);
      (*use)->consume(2);
    }
    CHECK(still_there(shared));
    shared.wipe();
    CHECK_FALSE(still_there(shared));
    {
      const auto use = shared.lend();
      (*use)->append(secret);
      shared.wipe();
      CHECK((*use)->size() == secret.size());
    }
    CHECK_FALSE(still_there(shared));
  }

  TEST_CASE("bytes in any part of a relay's memory are noticed") {
    for (byte_buffer io::layer_buffers::* part :
         {&io::layer_buffers::read, &io::layer_buffers::app, &io::layer_buffers::wire}) {
      io::layer_buffers use;
      CHECK(use.empty());
      (use.*part).append(secret);
      CHECK_FALSE(use.empty());
      use.wipe();
      CHECK(use.empty());
      CHECK_FALSE(std::ranges::equal((use.*part).prepare(secret.size()), secret));
    }
  }

  TEST_CASE("each thread has its own memory") {
    memory* other = nullptr;
    std::jthread([&] { other = &memory::of_thread(); }).join();
    CHECK(other != &memory::of_thread());
  }
}

}  // namespace rathole::test
