// expect: Aead
#include <rathole/noise/cipher_state.hpp>

struct plain_text {
#ifdef VALID
  static constexpr std::endian counter_order = std::endian::little;
#endif
  void set_key(std::span<const std::uint8_t, rathole::crypto::aead_key_size> key);
  void seal(std::span<const std::uint8_t, rathole::crypto::aead_nonce_size> nonce,
            rathole::byte_view associated, rathole::byte_span text,
            std::span<std::uint8_t, rathole::crypto::aead_tag_size> tag);
  bool open(std::span<const std::uint8_t, rathole::crypto::aead_nonce_size> nonce,
            rathole::byte_view associated, rathole::byte_span text,
            std::span<const std::uint8_t, rathole::crypto::aead_tag_size> tag);
};

rathole::noise::cipher_state<plain_text> cipher;
