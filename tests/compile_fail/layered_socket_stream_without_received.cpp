// expect: s.received()
#include <rathole/core/any_layer.hpp>
#include <rathole/io/relay/layered_socket_stream.hpp>
#include <rathole/io/tcp/stream.hpp>

struct layered : rathole::io::tcp_stream {
  rathole::io::tcp_stream& next();
  rathole::any_layer& layer();
#ifdef VALID
  rathole::byte_buffer& received();
#endif
};

static_assert(rathole::io::LayeredSocketStream<layered>);
