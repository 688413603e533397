// expect: r.now()
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/concepts.hpp>

struct incomplete_runtime : rathole::io::asio_runtime {
  incomplete_runtime worker() const;
#ifndef VALID
  void now() = delete;
#endif
};

static_assert(rathole::io::Runtime<incomplete_runtime>);
