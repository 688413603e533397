// expect: Aead
#include <rathole/noise/cipher_state.hpp>

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

rathole::noise::cipher_state<one_way> made;
