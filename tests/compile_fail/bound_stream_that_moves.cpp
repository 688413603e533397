// expect: is_bound_to_thread
#include <rathole/io/mux/stream.hpp>
#include <rathole/io/tcp/stream.hpp>

#ifdef VALID
using bound = rathole::io::mux_stream;
#else
using bound = rathole::io::tcp_stream;
#endif

static_assert(rathole::io::BoundStream<bound>);
