// expect: H::block_size
#include <rathole/crypto/concepts.hpp>

struct streamed {
  static constexpr std::size_t digest_size = 4;
#ifdef VALID
  static constexpr std::size_t block_size = 64;
#endif
  void update(rathole::byte_view in);
  std::array<std::uint8_t, digest_size> finish();
};

static_assert(rathole::crypto::BlockHash<streamed>);
