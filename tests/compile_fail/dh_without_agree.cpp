// expect: D::agree(key, key)
#include <rathole/crypto/concepts.hpp>

struct incomplete_dh {
  static rathole::crypto::dh_key public_key(const rathole::crypto::dh_key&);
#ifdef VALID
  static rathole::result<rathole::crypto::dh_key> agree(const rathole::crypto::dh_key&,
                                                        const rathole::crypto::dh_key&);
#endif
};

static_assert(rathole::crypto::Dh<incomplete_dh>);
