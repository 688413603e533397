// expect: rng.fill(out)
#include <rathole/core/random.hpp>

struct die {
#ifdef VALID
  void fill(rathole::byte_span out);
#endif
  int roll();
};

static_assert(rathole::Rng<die>);
