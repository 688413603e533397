#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/time/alarm.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

// The sample HTTP service of the demonstration and its visitor.

namespace rathole::app {

/// The page that the service returns for every request.
inline constexpr std::string_view demo_page =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head><meta charset=\"utf-8\"><title>rathole</title></head>\n"
    "<body>\n"
    "<h1>It works</h1>\n"
    "<p>This page came through a rathole tunnel: your browser spoke to the server's port, the\n"
    "server handed the connection to the client, and the client to a small HTTP service that\n"
    "nothing but the client connects to.</p>\n"
    "</body>\n"
    "</html>\n";

/// The longest time that a visitor of the service may take for its request and our response.
inline constexpr std::chrono::seconds page_timeout{10};

/// Answers one request on `stream` with the page, whatever was requested, and closes the stream; at
/// once if `stop` is requested.
template <io::Runtime R>
io::awaitable<void> answer_with_page(R runtime, typename R::stream stream, std::stop_token stop) {
  constexpr std::size_t max_request = 16 * 1024;
  const auto close = [&stream] { stream.close(); };
  const io::alarm<R> on_timeout(runtime, runtime.now() + page_timeout, close);
  const std::stop_callback on_stop(stop, close);
  std::array<std::uint8_t, 1024> chunk;
  std::string request;
  while (!request.contains("\r\n\r\n")) {
    const auto count = co_await stream.read_some(chunk);
    if (!count || *count == 0 || request.size() > max_request) co_return;
    request.append(reinterpret_cast<const char*>(chunk.data()), *count);
  }
  std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
      "Connection: close\r\nContent-Length: ";
  answer += std::to_string(demo_page.size());
  answer += "\r\n\r\n";
  if (!request.starts_with("HEAD ")) answer += demo_page;
  const byte_view sent = byte_view_of(answer);
  const auto written = co_await stream.write(sent);
  if (!written) co_return;
  co_await stream.shutdown_send();
  // Closing while bytes are unread would reset the connection and might destroy the response.
  for (;;) {
    const auto count = co_await stream.read_some(chunk);
    if (!count || *count == 0) co_return;
  }
}

/// Fetches a page from `at` by HTTP; returns everything after the head of the response.
template <io::Runtime R>
io::task<std::string> fetch_page(R runtime, address at, time_point deadline, std::stop_token stop) {
  constexpr std::size_t max_answer = 1024 * 1024;
  const io::socket_options options;
  auto stream = co_await runtime.connect(at, options, deadline, stop);
  if (!stream) co_return failure(stream.error());
  const auto close = [&stream] { stream->close(); };
  const io::alarm<R> on_timeout(runtime, deadline, close);
  const std::stop_callback on_stop(stop, close);
  const std::string request =
      "GET / HTTP/1.1\r\nHost: " + to_string(at) + "\r\nConnection: close\r\n\r\n";
  const byte_view sent = byte_view_of(request);
  const auto written = co_await stream->write(sent);
  if (!written) co_return failure(on_timeout.explain(written.error()));
  std::array<std::uint8_t, 4096> chunk;
  std::string answer;
  while (answer.size() < max_answer) {
    const auto count = co_await stream->read_some(chunk);
    if (!count) co_return failure(on_timeout.explain(count.error()));
    if (*count == 0) break;
    answer.append(reinterpret_cast<const char*>(chunk.data()), *count);
  }
  const auto head_end = answer.find("\r\n\r\n");
  if (head_end == answer.npos) co_return failure(errc::end_of_stream);
  co_return answer.substr(head_end + 4);
}

}  // namespace rathole::app
