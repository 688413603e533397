// expect: Dh
#include <rathole/crypto/concepts.hpp>

struct incomplete_dh {
  static rathole::crypto::dh_key public_key(const rathole::crypto::dh_key&);
#ifdef VALID
  static rathole::result<rathole::crypto::dh_key> agree(const rathole::crypto::dh_key&,
                                                        const rathole::crypto::dh_key&);
#endif
};

template <rathole::crypto::Dh D>
void meet();

void run() { meet<incomplete_dh>(); }
