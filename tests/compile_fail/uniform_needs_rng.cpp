// expect: Rng
#include <rathole/core/random.hpp>

struct incomplete_rng {
#ifdef VALID
  void fill(rathole::byte_span out);
#else
  int roll();
#endif
};

double cast(incomplete_rng& d) { return rathole::uniform(d); }
