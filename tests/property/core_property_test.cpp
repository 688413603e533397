#include "../support/property.hpp"

#include <rathole/core/backoff.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/crypto/sha256.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

TEST_CASE("byte_buffer matches a string of bytes") {
  RATHOLE_PROPERTY("byte_buffer", [] {
    byte_buffer buffer;
    byte_vector model;
    const auto same = [&] { return std::ranges::equal(buffer.data(), model); };
    const int steps = *rc::gen::inRange(0, 60);
    for (int i = 0; i < steps; ++i) {
      switch (*rc::gen::inRange(0, 10)) {
        case 0:
          buffer.clear();
          model.clear();
          break;
        case 1: {
          byte_buffer out;
          out.append(bytes("aa"));
          RC_ASSERT(buffer.drain_into(out) == !model.empty());
          RC_ASSERT(std::ranges::equal(out.data(), bytes("aa") + model));
          model.clear();
          break;
        }
        case 2:
        case 3: {
          const byte_vector in = *any_bytes(40);
          const auto limit = *rc::gen::inRange<std::size_t>(0, 60);
          const std::size_t room = limit > model.size() ? limit - model.size() : 0;
          const std::size_t taken = std::min(room, in.size());
          RC_ASSERT(buffer.append_up_to(limit, in) == taken);
          model.insert(model.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(taken));
          break;
        }
        case 4:
        case 5:
        case 6: {
          const byte_vector in = *any_bytes(40);
          buffer.append(in);
          model = std::move(model) + in;
          break;
        }
        default: {
          const auto count = *rc::gen::inRange<std::size_t>(0, model.size() + 1);
          buffer.consume(count);
          model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
          break;
        }
      }
      RC_ASSERT(same());
      RC_ASSERT(buffer.size() == model.size());
      RC_ASSERT(buffer.empty() == model.empty());
    }
  });
}

TEST_CASE("sha256: any split of the input gives the same digest") {
  RATHOLE_PROPERTY("sha256", [] {
    const byte_vector message = *any_bytes(400);
    crypto::sha256 whole;
    whole.update(message);
    crypto::sha256 split;
    byte_view rest = message;
    while (!rest.empty()) {
      const auto size = *rc::gen::inRange<std::size_t>(0, std::min<std::size_t>(rest.size(), 130));
      split.update(rest.first(size + 1));
      rest = rest.subspan(size + 1);
    }
    RC_ASSERT(whole.finish() == split.finish());
  });
}

TEST_CASE("hex and endian: round trips") {
  RATHOLE_PROPERTY("hex", [] {
    const byte_vector in = *any_bytes(100);
    RC_ASSERT(holds(from_hex(to_hex(in)), in));
  });
  RATHOLE_PROPERTY("hex rejects non-canonical text", [](const std::string& text) {
    const result<byte_vector> decoded = from_hex(text);
    std::string lower = text;
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'F' ? char(c + 32) : c; });
    if (decoded) RC_ASSERT(to_hex(*decoded) == lower);
  });
  RATHOLE_PROPERTY("endian", [](std::uint64_t value) {
    std::array<std::uint8_t, 8> little;
    std::array<std::uint8_t, 8> big;
    store_le<std::uint64_t>(value, little);
    store_be<std::uint64_t>(value, big);
    RC_ASSERT(load_le<std::uint64_t>(little) == value);
    RC_ASSERT(load_be<std::uint64_t>(big) == value);
    for (std::size_t i = 0; i < 8; ++i) {
      RC_ASSERT(little[i] == static_cast<std::uint8_t>(value >> (8 * i)));
      RC_ASSERT(big[7 - i] == little[i]);
    }
  });
}

TEST_CASE("secret and constant_time_equal agree with ==") {
  RATHOLE_PROPERTY("equality", [] {
    const byte_vector a = *any_bytes(20);
    byte_vector b = a;
    if (*rc::gen::arbitrary<bool>()) b = *any_bytes(20);
    if (!b.empty() && *rc::gen::arbitrary<bool>()) {
      b[*rc::gen::inRange<std::size_t>(0, b.size())] ^= 1;
    }
    RC_ASSERT(constant_time_equal(a, b) == (a == b));
    const secret x(std::string(a.begin(), a.end()));
    const secret y(std::string(b.begin(), b.end()));
    RC_ASSERT((x == y) == (a == b));
    RC_ASSERT(std::ranges::equal(x.bytes(), a));
  });
}

/// Draws a value from the generator of the property.
struct generated_rng {
  void fill(byte_span out) {
    for (std::uint8_t& byte : out) byte = *rc::gen::arbitrary<std::uint8_t>();
  }
};

TEST_CASE("backoff: every delay is within its bounds") {
  RATHOLE_PROPERTY("backoff", [] {
    using milliseconds = std::chrono::milliseconds;
    backoff_parameters parameters;
    parameters.initial = milliseconds(*rc::gen::inRange(0, 5'000));
    parameters.maximum = milliseconds(*rc::gen::inRange(0, 50'000));
    parameters.randomization = *rc::gen::inRange(0, 100) / 100.0;
    parameters.multiplier = 1 + *rc::gen::inRange(0, 500) / 100.0;
    backoff retry(parameters);
    generated_rng rng;

    using seconds = std::chrono::duration<double>;
    const auto check = [&](seconds base) {
      const seconds floored = std::max<seconds>(base, min_retry_delay);
      const seconds delay = retry.next(rng);
      RC_ASSERT(delay.count() >= floored.count() * (1 - parameters.randomization) - 1e-6);
      RC_ASSERT(delay.count() <= floored.count() * (1 + parameters.randomization) + 1e-6);
      return floored;
    };
    for (int round = 0; round < 2; ++round) {
      seconds base = check(parameters.initial);
      for (int i = 0; i < 8; ++i) {
        base = check(std::min<seconds>(base * parameters.multiplier, parameters.maximum));
      }
      retry.reset();
    }
  });
}

}  // namespace
}  // namespace rathole::test
