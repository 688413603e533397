// expect: Runtime
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/concepts.hpp>

struct timeless : rathole::io::asio_runtime {
  timeless worker() const;
#ifndef VALID
  void now();
#endif
};

void live(rathole::io::Runtime auto& runtime);

void run(timeless& runtime) { live(runtime); }
