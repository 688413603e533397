// expect: ByteStream
#include <rathole/io/concepts.hpp>
#include <rathole/io/tcp/stream.hpp>

struct anonymous : rathole::io::tcp_stream {
#ifndef VALID
  void peer() const;
#endif
};

void carry(rathole::io::ByteStream auto& stream);

void run(anonymous& stream) { carry(stream); }
