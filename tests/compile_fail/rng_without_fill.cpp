// expect: Rng
#include <rathole/core/random.hpp>

struct dice {
#ifdef VALID
  void fill(rathole::byte_span out);
#else
  int roll();
#endif
};

double cast(dice& d) { return rathole::uniform(d); }
