// expect: cl.deadline()
#include <rathole/core/layer.hpp>

struct timed {
  rathole::result<void> start(rathole::byte_buffer& wire);
  rathole::result<void> receive(rathole::byte_view in, rathole::byte_buffer& app,
                                rathole::byte_buffer& wire);
  rathole::result<void> receive_end();
  rathole::result<void> send(rathole::byte_view in, rathole::byte_buffer& wire);
  rathole::result<void> close(rathole::byte_buffer& wire);
  rathole::phase state() const;
  rathole::result<void> poll(rathole::time_point now, rathole::byte_buffer& wire);
#ifdef VALID
  std::optional<rathole::time_point> deadline() const;
#endif
};

static_assert(rathole::TimedLayer<timed>);
