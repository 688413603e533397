#pragma once

#include <rathole/core/random.hpp>

#include <botan/rng.h>
#include <botan/version.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace rathole::tls {

/// Adapts an `Rng` to Botan's interface. It may be used by several threads only if the `Rng` may.
template <Rng R>
class botan_rng final : public Botan::RandomNumberGenerator {
 public:
  /// Makes a generator that draws from `source`.
  explicit botan_rng(R source = R()) : source_(std::move(source)) {}

  /// Returns the name of the generator.
  std::string name() const override { return "rathole"; }
  /// Has no effect: the source has no state of its own.
  void clear() override {}
  /// Returns true: the source is always ready.
  bool is_seeded() const override { return true; }
  /// Returns false: the source takes no entropy from outside.
  bool accepts_input() const override { return false; }

#if BOTAN_VERSION_MAJOR >= 3
 protected:
  /// Fills `out` with random bytes; the input is ignored.
  void fill_bytes_with_input(std::span<std::uint8_t> out, std::span<const std::uint8_t>) override {
    source_.fill(out);
  }
#else
  /// Fills `out` with `size` random bytes.
  void randomize(std::uint8_t out[], std::size_t size) override { source_.fill({out, size}); }
  /// Ignores the input.
  void add_entropy(const std::uint8_t[], std::size_t) override {}
#endif

 private:
  R source_;
};

}  // namespace rathole::tls
