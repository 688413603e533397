// expect: aead.open(nonce, associated, text, tag)
#include <rathole/crypto/concepts.hpp>

struct one_way {
  static constexpr std::endian counter_order = std::endian::little;
  void set_key(std::span<const std::uint8_t, 32>);
  void seal(std::span<const std::uint8_t, 12>, rathole::byte_view, rathole::byte_span,
            std::span<std::uint8_t, 16>);
#ifdef VALID
  bool open(std::span<const std::uint8_t, 12>, rathole::byte_view, rathole::byte_span,
            std::span<const std::uint8_t, 16>);
#endif
};

static_assert(rathole::crypto::Aead<one_way>);
