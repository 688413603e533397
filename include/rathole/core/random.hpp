#pragma once

#include <rathole/core/bytes.hpp>

#include <concepts>
#include <cstdint>

namespace rathole {

/// A source of random bytes. Whether they are fit for secrets depends on the model: those of
/// `crypto::system_rng` are, those of a scripted test source are not.
template <class R>
concept Rng = requires(R& rng, byte_span out) {
  { rng.fill(out) } -> std::same_as<void>;
};

/// Returns 64 random bits.
template <Rng R>
std::uint64_t random_bits(R& rng) {
  std::uint8_t raw[8];
  rng.fill(raw);
  std::uint64_t bits = 0;
  for (std::uint8_t byte : raw) bits = bits << 8 | byte;
  return bits;
}

/// Returns a number drawn uniformly from [0, 1).
template <Rng R>
double uniform(R& rng) {
  return static_cast<double>(random_bits(rng) >> 11) * 0x1p-53;
}

}  // namespace rathole
