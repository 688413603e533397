#pragma once

#include <rathole/core/bytes.hpp>

#include <cstdint>

namespace rathole::sim {

/// Draws repeatable random bytes: the same seed gives the same sequence on every machine. Models
/// `Rng`. Anyone who sees one output can compute the next, so it is never fit for secrets.
///
/// The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
/// OOPSLA 2014).
class seeded_rng {
 public:
  /// Makes the sequence of `seed`.
  explicit seeded_rng(std::uint64_t seed) : state_(seed) {}

  /// Returns the next 64 random bits.
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  /// Returns a number from `low` to `high`, inclusive; `low` must be at most `high`.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    const std::uint64_t span = high - low + 1;
    return span == 0 ? next() : low + next() % span;
  }

  /// Fills `out` with random bytes.
  void fill(byte_span out) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) bits = next();
      out[i] = static_cast<std::uint8_t>(bits);
      bits >>= 8;
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace rathole::sim
