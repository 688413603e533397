// expect: hash.finish()
#include <rathole/crypto/concepts.hpp>

struct checksum {
  static constexpr std::size_t digest_size = 4;
  void update(rathole::byte_view in);
#ifdef VALID
  std::array<std::uint8_t, digest_size> finish();
#endif
};

static_assert(rathole::crypto::Hash<checksum>);
