// expect: Runtime
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/concepts.hpp>

struct incomplete_runtime : rathole::io::asio_runtime {
  incomplete_runtime worker() const;
#ifndef VALID
  void now();
#endif
};

void live(rathole::io::Runtime auto& runtime);

void run(incomplete_runtime& runtime) { live(runtime); }
