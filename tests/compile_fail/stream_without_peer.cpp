// expect: cs.peer()
#include <rathole/io/concepts.hpp>
#include <rathole/io/tcp/stream.hpp>

struct anonymous : rathole::io::tcp_stream {
#ifndef VALID
  void peer() const = delete;
#endif
};

static_assert(rathole::io::ByteStream<anonymous>);
