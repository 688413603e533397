// expect: Dh
#include <rathole/crypto/sha256.hpp>
#include <rathole/noise/handshake_state.hpp>

struct cipher {
  static constexpr std::endian counter_order = std::endian::little;
  void set_key(std::span<const std::uint8_t, rathole::crypto::aead_key_size> key);
  void seal(std::span<const std::uint8_t, rathole::crypto::aead_nonce_size> nonce,
            rathole::byte_view associated, rathole::byte_span text,
            std::span<std::uint8_t, rathole::crypto::aead_tag_size> tag);
  bool open(std::span<const std::uint8_t, rathole::crypto::aead_nonce_size> nonce,
            rathole::byte_view associated, rathole::byte_span text,
            std::span<const std::uint8_t, rathole::crypto::aead_tag_size> tag);
};

struct curve {
  static rathole::crypto::dh_key public_key(const rathole::crypto::dh_key& secret);
#ifdef VALID
  static rathole::result<rathole::crypto::dh_key> agree(const rathole::crypto::dh_key& secret,
                                                        const rathole::crypto::dh_key& other);
#else
  static rathole::crypto::dh_key agree(const rathole::crypto::dh_key& secret,
                                       const rathole::crypto::dh_key& other);
#endif
};

using state = rathole::noise::handshake_state<curve, cipher, rathole::crypto::sha256>;
const state* handshake = nullptr;
std::size_t size = sizeof(state);
