#pragma once

#include "bytes.hpp"

#include <rathole/core/result.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>

/// Checks a property as an assertion of doctest: `RATHOLE_PROPERTY("what holds", [](int x) { ...
/// })`. rapidcheck prints the counterexample and how to replay it.
#define RATHOLE_PROPERTY(...) CHECK(rc::check(__VA_ARGS__))

namespace rathole::test {

/// Returns whether there is a value and it equals `value`. (`==` between a result and a value is
/// ambiguous in the assertions of rapidcheck.)
template <class T, class U>
bool holds(const result<T>& in, const U& value) {
  return in.has_value() && *in == value;
}

/// Draws any bytes, up to `maximum` of them.
inline rc::Gen<byte_vector> any_bytes(std::size_t maximum) {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, maximum + 1), [](std::size_t size) {
    return rc::gen::container<byte_vector>(size, rc::gen::arbitrary<std::uint8_t>());
  });
}

/// Draws any digest.
inline rc::Gen<protocol::digest> any_digest() {
  return rc::gen::map(
      rc::gen::container<byte_vector>(protocol::digest_size, rc::gen::arbitrary<std::uint8_t>()),
      [](const byte_vector& in) {
        protocol::digest out{};
        std::copy(in.begin(), in.end(), out.begin());
        return out;
      });
}

}  // namespace rathole::test
