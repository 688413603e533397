#pragma once

// Boost.Asio and standalone Asio cannot be included by one unit, so a unit with Boost.Beast gets a
// stream as functions.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

namespace rathole::test {

/// A stream without a type of Asio. A completion gets no bytes and no error at the visitor's end.
struct bridged_stream {
  using completion = std::move_only_function<void(std::error_code, std::size_t)>;
  std::move_only_function<void(std::span<char>, completion)> read_some;
  std::move_only_function<void(std::string_view, completion)> write_some;
  std::move_only_function<void()> close;
};

/// A thread that answers HTTP requests with Boost.Beast.
class beast_server {
 public:
  beast_server();
  ~beast_server();
  /// Serves one request on `visitor`.
  void serve(bridged_stream visitor);

 private:
  struct body;
  std::unique_ptr<body> body_;
};

}  // namespace rathole::test
