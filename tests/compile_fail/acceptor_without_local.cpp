// expect: ca.local()
#include <rathole/io/concepts.hpp>
#include <rathole/io/tcp/acceptor.hpp>

struct nowhere : rathole::io::tcp_acceptor {
  rathole::result<nowhere> duplicate() const;
#ifndef VALID
  void local() const = delete;
#endif
};

static_assert(rathole::io::Acceptor<nowhere>);
