#include "beast_bridge.hpp"
#include "tunnel_in_process.hpp"

#include <asio/detached.hpp>
#include <asio/read_until.hpp>
#if RATHOLE_WITH_OPENSSL
#include <asio/ssl.hpp>
#endif

#include <memory>
#include <span>

namespace rathole::test {

namespace {

/// Returns `from` as functions.
bridged_stream bridge(stream from) {
  const auto shared = std::make_shared<stream>(std::move(from));
  bridged_stream out;
  out.read_some = [shared](std::span<char> into, bridged_stream::completion done) {
    auto ended = [done = std::move(done)](std::error_code ec, std::size_t size) mutable {
      done(ec == asio::error::eof ? std::error_code() : ec, size);
    };
    shared->async_read_some(asio::buffer(into.data(), into.size()), std::move(ended));
  };
  out.write_some = [shared](std::string_view bytes, bridged_stream::completion done) {
    shared->async_write_some(asio::buffer(bytes), std::move(done));
  };
  out.close = [shared] { shared->close(); };
  return out;
}

}  // namespace

TEST_SUITE("compose") {
  TEST_CASE("Boost.Beast serves HTTP on a stream") {
    beast_server beast;
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      auto visitor = co_await tunnel.visit();
      const std::string request = "GET /here HTTP/1.1\r\nHost: web\r\n\r\n";
      co_await asio::async_write(visitor, asio::buffer(request), use_awaitable);
      beast.serve(bridge(co_await web.async_accept(use_awaitable)));
      std::string answer;
      co_await asio::async_read(visitor, asio::dynamic_buffer(answer), as_result);
      CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
      CHECK(answer.ends_with("You asked for /here"));
    });
  }
}

#if RATHOLE_WITH_OPENSSL
namespace {

/// Serves one visitor by TLS on the stream.
asio::awaitable<void> serve_by_tls(listener& web, asio::ssl::context& tls) {
  asio::ssl::stream<stream> visitor(co_await web.async_accept(use_awaitable), tls);
  co_await visitor.async_handshake(asio::ssl::stream_base::server, use_awaitable);
  std::string line;
  co_await asio::async_read_until(visitor, asio::dynamic_buffer(line), '\n', use_awaitable);
  co_await asio::async_write(visitor, asio::buffer("you said " + line), use_awaitable);
  co_await visitor.async_shutdown(as_result);
}

}  // namespace

TEST_SUITE("compose") {
  TEST_CASE("asio::ssl::stream runs on a stream") {
    authority issuer;
    const auto files = issuer.issue();
    asio::ssl::context of_server(asio::ssl::context::tls_server);
    of_server.use_certificate_chain_file(files.certificate);
    of_server.use_private_key_file(files.key, asio::ssl::context::pem);
    asio::ssl::context of_visitor(asio::ssl::context::tls_client);
    of_visitor.load_verify_file(issuer.root());
    of_visitor.set_verify_mode(asio::ssl::verify_peer);

    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      listener web = tunnel.of_client().listen("web", secret("token"));
      asio::co_spawn(tunnel.context(), serve_by_tls(web, of_server), asio::detached);
      asio::ssl::stream<asio::ip::tcp::socket> visitor(co_await tunnel.visit(), of_visitor);
      co_await visitor.async_handshake(asio::ssl::stream_base::client, use_awaitable);
      co_await asio::async_write(visitor, asio::buffer("hello\n", 6), use_awaitable);
      std::string line;
      co_await asio::async_read_until(visitor, asio::dynamic_buffer(line), '\n', use_awaitable);
      CHECK_EQ(line, "you said hello\n");
    });
  }
}
#endif

}  // namespace rathole::test
