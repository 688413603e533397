// expect: w.wipe()
#include <rathole/io/relay/thread_buffer.hpp>

struct unwiped {
  bool empty() const;
  void clear();
#ifdef VALID
  void wipe();
#endif
};

static_assert(rathole::io::Workspace<unwiped>);
