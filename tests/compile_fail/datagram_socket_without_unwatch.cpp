// expect: DatagramSocket
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

void empty(rathole::io::DatagramSocket auto& socket);

void run(incomplete_socket& p) { empty(p); }
