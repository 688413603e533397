#include "beast_bridge.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <string>
#include <thread>
#include <utility>

namespace rathole::test {

namespace {

namespace http = boost::beast::http;

/// A stream for what is written against Boost.Asio: meets AsyncReadStream and AsyncWriteStream.
class boost_stream {
 public:
  using executor_type = boost::asio::io_context::executor_type;

  boost_stream(bridged_stream from, executor_type ex) : stream_(std::move(from)), executor_(ex) {}

  executor_type get_executor() const { return executor_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const auto initiate = [this](auto handler, const Buffers& into) {
      const boost::asio::mutable_buffer first(*boost::asio::buffer_sequence_begin(into));
      stream_.read_some({static_cast<char*>(first.data()), first.size()},
                        passing(std::move(handler), true));
    };
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        initiate, token, buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    const auto initiate = [this](auto handler, const Buffers& from) {
      const boost::asio::const_buffer first(*boost::asio::buffer_sequence_begin(from));
      stream_.write_some({static_cast<const char*>(first.data()), first.size()},
                         passing(std::move(handler), false));
    };
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        initiate, token, buffers);
  }

  void close() { stream_.close(); }

 private:
  /// Returns a completion that passes its result to a handler of Boost.
  template <class Handler>
  bridged_stream::completion passing(Handler handler, bool is_read) {
    auto busy = boost::asio::make_work_guard(executor_);
    return [busy = std::move(busy), done = std::move(handler), is_read](std::error_code ec,
                                                                        std::size_t size) mutable {
      boost::system::error_code as_boost;
      if (ec) as_boost = {ec.value(), boost::system::generic_category()};
      if (!ec && is_read && size == 0) as_boost = boost::asio::error::eof;
      const auto ex = busy.get_executor();
      boost::asio::post(
          ex, [done = std::move(done), as_boost, size]() mutable { done(as_boost, size); });
    };
  }

  bridged_stream stream_;
  executor_type executor_;
};

/// Answers one request.
struct http_session : std::enable_shared_from_this<http_session> {
  http_session(bridged_stream from, boost::asio::io_context& context)
      : connection(std::move(from), context.get_executor()) {}

  void start() {
    http::async_read(connection, buffer, request,
                     [self = shared_from_this()](boost::system::error_code ec, std::size_t) {
                       if (!ec) self->respond();
                     });
  }
  void respond() {
    response.result(http::status::ok);
    response.set(http::field::content_type, "text/plain");
    response.body() = "You asked for " + std::string(request.target());
    response.prepare_payload();
    http::async_write(connection, response,
                      [self = shared_from_this()](boost::system::error_code, std::size_t) {
                        self->connection.close();
                      });
  }

  boost_stream connection;
  boost::beast::flat_buffer buffer;
  http::request<http::string_body> request;
  http::response<http::string_body> response;
};

}  // namespace

struct beast_server::body {
  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy{
      context.get_executor()};
  std::thread thread{[this] { context.run(); }};
};

beast_server::beast_server() : body_(std::make_unique<body>()) {}
beast_server::~beast_server() {
  body_->busy.reset();
  body_->thread.join();
}

void beast_server::serve(bridged_stream visitor) {
  boost::asio::post(body_->context, [this, from = std::move(visitor)]() mutable {
    std::make_shared<http_session>(std::move(from), body_->context)->start();
  });
}

}  // namespace rathole::test
