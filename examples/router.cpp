// A server that is the visitor itself: it reads the first bytes of each connection to its one public
// port, finds the name of the host in them, and connects to the service of that name. HTTP says the
// name in the field Host, TLS in the extension server_name (RFC 6066 section 3), which stays
// encrypted from there on.
//
//   RATHOLE_TOKEN=secret router 0.0.0.0:2333 443 www.example.com api.example.com

#include <rathole/server.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using asio::use_awaitable;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;

// [name]
/// Reads the numbers and vectors of a TLS message. Past its end, everything is 0 and empty.
struct tls_reader {
  std::string_view in;
  std::size_t number(std::size_t bytes) {
    std::size_t out = 0;
    for (const char c : vector_of(bytes)) out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
  std::string_view vector(std::size_t length_bytes) { return vector_of(number(length_bytes)); }
  std::string_view vector_of(std::size_t size) {
    const std::string_view out = in.substr(0, std::min(size, in.size()));
    in.remove_prefix(out.size());
    return out;
  }
};

/// Returns the host in a ClientHello (RFC 8446 section 4.1.2); empty if it is not there.
std::string host_of_tls(std::string_view record) {
  tls_reader hello{record};
  hello.vector_of(5 + 4 + 2 + 32);                    // record, handshake message, version, random
  hello.vector(1), hello.vector(2), hello.vector(1);  // session, suites, compression
  tls_reader extensions{hello.vector(2)};
  while (!extensions.in.empty()) {
    const bool is_name = extensions.number(2) == 0;
    tls_reader names{extensions.vector(2)};
    if (!is_name) continue;
    names.vector_of(3);  // the length of the list, the kind of the name
    return std::string(names.vector(2));
  }
  return {};
}

/// Returns the host in the head of a request, without its port; empty if it is not there.
std::string host_of_http(std::string head) {
  std::ranges::transform(head, head.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto at = head.find("\r\nhost:");
  if (at == head.npos) return {};
  const auto begin = head.find_first_not_of(' ', at + 7);
  return head.substr(begin, head.find_first_of(":\r", begin) - begin);
}

/// Reads the first message of a visitor into `read`, and returns the host in it.
asio::awaitable<std::string> host_of(tcp::socket& visitor, std::string& read) {
  char room[4096];
  while (read.size() < 16384) {
    const auto size = co_await visitor.async_read_some(asio::buffer(room), use_awaitable);
    read.append(room, size);
    if (read[0] == 22) {
      tls_reader head{std::string_view(read).substr(0, 5)};
      head.vector_of(3);
      if (read.size() >= 5 && read.size() >= 5 + head.number(2)) co_return host_of_tls(read);
    } else if (read.contains("\r\n\r\n")) {
      co_return host_of_http(read);
    }
  }
  co_return std::string();
}
// [name end]

// [route]
template <class From, class To, class End>
asio::awaitable<void> copy(From& from, To& to, End end) {
  std::vector<char> room(32768);
  std::error_code ec;
  for (;;) {
    auto token = asio::redirect_error(use_awaitable, ec);
    const auto size = co_await from.async_read_some(asio::buffer(room), token);
    if (ec) break;
    co_await asio::async_write(to, asio::buffer(room.data(), size), use_awaitable);
  }
  if (ec != asio::error::eof) throw std::system_error(ec);
  end(to);
}

asio::awaitable<void> route(rathole::server& server, tcp::socket visitor) {
  std::string read;
  const std::string host = co_await host_of(visitor, read);
  rathole::stream service = co_await server.async_connect(host, use_awaitable);
  co_await asio::async_write(service, asio::buffer(read), use_awaitable);
  const auto end_service = [](rathole::stream& to) { to.shutdown_send(); };
  const auto end_visitor = [](tcp::socket& to) { to.shutdown(tcp::socket::shutdown_send); };
  auto there = copy(visitor, service, end_service);
  auto back = copy(service, visitor, end_visitor);
  co_await (std::move(there) && std::move(back));
}
// [route end]

asio::awaitable<void> accept(rathole::server& server, tcp::acceptor& port) {
  for (;;) {
    tcp::socket visitor = co_await port.async_accept(use_awaitable);
    asio::co_spawn(port.get_executor(), route(server, std::move(visitor)), asio::detached);
  }
}

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc < 4 || token == nullptr) return 2;
  rathole::config::server settings;
  settings.bind_addr = argv[1];
  for (int each = 3; each < argc; ++each) {
    settings.services.push_back(
        {.name = argv[each], .bind_addr = "127.0.0.1:0", .token = rathole::secret(token)});
  }
  asio::io_context context(1);
  rathole::server server(context, settings);
  const auto number = static_cast<asio::ip::port_type>(std::atoi(argv[2]));
  tcp::acceptor port(context, {tcp::v4(), number});
  asio::co_spawn(context, accept(server, port), asio::detached);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code ec, int) {
    port.close();
    server.close();
    if (!ec) signals.async_wait([&](std::error_code, int) { server.shutdown(); });
  });
  server.async_run([&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "%s\n", server.explain(ec).c_str());
    signals.cancel();
  });
  context.run();
}
