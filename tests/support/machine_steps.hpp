#pragma once

#include "bytes.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/core/machine.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <system_error>

namespace rathole::test {

/// The start time in tests of machines.
inline constexpr time_point start{std::chrono::hours(1)};

/// Returns what the machine has to send, in hexadecimal.
template <Machine M>
std::string sent(M& machine) {
  byte_buffer out;
  const bool any = machine.transmit(out);
  CHECK(any == !out.empty());
  return to_hex(out.data());
}

/// Feeds bytes, all of which the machine must read.
template <Machine M>
void feed(M& machine, byte_view in) {
  CHECK(machine.wanted() >= in.size());
  REQUIRE(machine.feed(in) == in.size());
}

/// Returns the next event, which must not be an error.
template <Machine M>
std::optional<typename M::event> next(M& machine, time_point now) {
  result<std::optional<typename M::event>> polled = machine.poll(now);
  REQUIRE(polled.has_value());
  return *polled;
}

/// Returns the error with which the machine ends; it must be the same on a second poll, and the
/// machine must want nothing more.
template <Machine M>
std::error_code error(M& machine, time_point now) {
  const auto polled = machine.poll(now);
  REQUIRE(!polled.has_value());
  const auto again = machine.poll(now + std::chrono::hours(1));
  REQUIRE(!again.has_value());
  CHECK(again.error() == polled.error());
  CHECK(machine.wanted() == 0);
  CHECK(!machine.deadline());
  return polled.error();
}

}  // namespace rathole::test
