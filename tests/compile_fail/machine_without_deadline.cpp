// expect: cm.deadline()
#include <rathole/core/machine.hpp>

struct echo {
  using event = int;
  std::size_t wanted() const;
  std::size_t feed(rathole::byte_view in);
  rathole::result<std::optional<event>> poll(rathole::time_point now);
  bool transmit(rathole::byte_buffer& out);
#ifdef VALID
  std::optional<rathole::time_point> deadline() const;
#endif
};

static_assert(rathole::Machine<echo>);
