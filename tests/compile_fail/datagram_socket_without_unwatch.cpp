// expect: s.unwatch()
#include <rathole/io/udp/datagram.hpp>

struct incomplete_socket {
  void watch(std::move_only_function<void()> readable);
#ifdef VALID
  void unwatch();
#endif
  std::span<const rathole::io::datagram> receive();
  std::size_t send(std::span<const rathole::io::datagram> batch);
  std::error_code take_error();
  const rathole::address& local() const;
  bool is_open() const;
  void close();
};

static_assert(rathole::io::DatagramSocket<incomplete_socket>);
