// expect: Acceptor
#include <rathole/io/concepts.hpp>
#include <rathole/io/tcp/acceptor.hpp>

struct nowhere : rathole::io::tcp_acceptor {
  rathole::result<nowhere> duplicate() const;
#ifndef VALID
  void local() const;
#endif
};

void serve(rathole::io::Acceptor auto& acceptor);

void run(nowhere& acceptor) { serve(acceptor); }
