// expect: w.ended()
#include <rathole/io/carry.hpp>

struct incomplete_watch {
  void began(const rathole::io::running_relay&);
#ifdef VALID
  void ended();
#endif
  bool is_aborted() const;
};

static_assert(rathole::io::ConnectionWatch<incomplete_watch>);
