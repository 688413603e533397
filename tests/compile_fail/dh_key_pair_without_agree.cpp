// expect: pair.agree(other)
#include <rathole/crypto/concepts.hpp>

struct incomplete_key_pair {
  explicit incomplete_key_pair(const rathole::crypto::dh_key&);
  const rathole::crypto::dh_key& public_key() const;
#ifdef VALID
  rathole::result<rathole::crypto::dh_key> agree(const rathole::crypto::dh_key&) const;
#endif
};

static_assert(rathole::crypto::DhKeyPair<incomplete_key_pair>);
