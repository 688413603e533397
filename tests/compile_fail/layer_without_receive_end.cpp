// expect: l.receive_end()
#include <rathole/core/layer.hpp>

struct plain {
  rathole::result<void> start(rathole::byte_buffer& wire);
  rathole::result<void> receive(rathole::byte_view in, rathole::byte_buffer& app,
                                rathole::byte_buffer& wire);
#ifdef VALID
  rathole::result<void> receive_end();
#endif
  rathole::result<void> send(rathole::byte_view in, rathole::byte_buffer& wire);
  rathole::result<void> close(rathole::byte_buffer& wire);
  rathole::phase state() const;
};

static_assert(rathole::Layer<plain>);
