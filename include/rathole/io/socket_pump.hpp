#pragma once

#include <rathole/io/concepts.hpp>
#include <rathole/io/pipe_pool.hpp>

#include <asio/post.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::io {

/// A `ByteStream` that is a bare socket in non-blocking mode: what it carries is the octets of the
/// stream and nothing else.
template <class S>
concept SocketStream = ByteStream<S> && requires(S& s) {
  { s.native_handle() } -> std::same_as<int>;
  { s.wait_writable() } -> std::same_as<task<void>>;
};

/// One direction of a relay between two bare sockets on Linux. A flow is copied through a buffer
/// that all flows of the thread share; once it has proved bulky it is spliced through a pooled pipe
/// and never enters this process's memory; when it has become thin it is copied again. A flow that
/// waits for octets owns neither buffer nor pipe.
template <SocketStream From, SocketStream To>
class socket_pump {
 public:
  /// Adds the octets it carries to `count`. All three outlive the pump.
  socket_pump(From& from, To& to, std::uint64_t& count) : from_(from), to_(to), count_(count) {}

  /// Carries octets until `from` ends, then ends `to`'s sending.
  task<void> run() {
    for (;;) {
      auto turned = bulky() ? splice_turn() : copy_turn();
      if (!turned) co_return failure(turned.error());
      if (*turned == turn::ended) break;
      result<void> waited;
      if (*turned == turn::blocked_on_from) {
        waited = co_await from_.wait_readable();
      } else if (*turned == turn::blocked_on_to) {
        waited = co_await drain();
      } else if (++turns_ % turns_before_yield == 0) {
        co_await asio::post(co_await asio::this_coro::executor, use_tuple);
        if (!from_.is_open() || !to_.is_open()) waited = failure(errc::stopped);
      }
      if (!waited) co_return failure(waited.error());
    }
    to_.shutdown_send();
    co_return result<void>{};
  }

 private:
  enum class turn { moved, blocked_on_from, blocked_on_to, ended };

  static constexpr std::size_t buffer_size = 64 * 1024;
  /// A read of at least this much counts as well filled.
  static constexpr std::size_t well_filled = 16 * 1024;
  /// Octets of well-filled reads in a row after which a flow is spliced.
  static constexpr std::size_t bulky_after = 256 * 1024;
  /// Thin moves in a row after which a flow is copied again.
  static constexpr unsigned thin_after = 16;
  /// Moves in a row after which other flows get their turn.
  static constexpr unsigned turns_before_yield = 32;

  static std::uint8_t* shared_buffer() {
    thread_local const auto buffer = std::make_unique<std::uint8_t[]>(buffer_size);
    return buffer.get();
  }

  /// splice(2) raises SIGPIPE on a reset socket and cannot be told not to.
  static bool splice_is_safe() {
    static const bool safe = [] {
      struct sigaction action{};
      return ::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    }();
    return safe;
  }

  static std::error_code last_error() { return {errno, std::system_category()}; }
  static bool would_block() { return errno == EAGAIN || errno == EINTR; }

  [[nodiscard]] bool bulky() const { return well_filled_ >= bulky_after; }

  result<turn> copy_turn() {
    std::uint8_t* const buffer = shared_buffer();
    const auto taken = ::recv(from_.native_handle(), buffer, buffer_size, MSG_DONTWAIT);
    if (taken == 0) return turn::ended;
    if (taken < 0)
      return would_block() ? result<turn>(turn::blocked_on_from) : failure(last_error());
    const auto size = static_cast<std::size_t>(taken);
    if (size < well_filled) {
      well_filled_ = 0;
    } else if (splice_is_safe()) {
      well_filled_ += size;
    }
    const auto sent = ::send(to_.native_handle(), buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && !would_block()) return failure(last_error());
    const auto done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    count_ += done;
    if (done == size) return turn::moved;
    // The shared buffer belongs to whoever runs next, so the rest moves out of it.
    spill_.assign(buffer + done, buffer + size);
    return turn::blocked_on_to;
  }

  result<turn> splice_turn() {
    if (!pipe_) pipe_ = pipe_pool::local().take();
    if (!pipe_) {
      well_filled_ = 0;
      return turn::moved;
    }
    const auto taken = pipe_->fill_from(from_.native_handle());
    if (taken <= 0) {
      const bool blocked = taken < 0 && would_block();
      const auto error = last_error();
      give_pipe_back();
      if (taken == 0) return turn::ended;
      return blocked ? result<turn>(turn::blocked_on_from) : failure(error);
    }
    if (static_cast<std::size_t>(taken) >= well_filled) {
      thin_ = 0;
    } else if (++thin_ == thin_after) {
      thin_ = 0;
      well_filled_ = 0;
    }
    const auto drained = drain_pipe();
    if (!drained) return failure(drained.error());
    if (pipe_->held() > 0) return turn::blocked_on_to;
    if (!bulky()) give_pipe_back();
    return turn::moved;
  }

  /// Moves what it can from the pipe into the socket.
  result<void> drain_pipe() {
    while (pipe_->held() > 0) {
      const auto moved = pipe_->drain_into(to_.native_handle());
      if (moved == 0 || (moved < 0 && would_block())) break;
      if (moved < 0) return failure(last_error());
      count_ += static_cast<std::size_t>(moved);
    }
    return {};
  }

  /// Waits until all that was taken from `from` is in `to`.
  task<void> drain() {
    while (!spill_.empty() || (pipe_ && pipe_->held() > 0)) {
      const auto ready = co_await to_.wait_writable();
      if (!ready) co_return failure(ready.error());
      const auto moved = spill_.empty() ? drain_pipe() : drain_spill();
      if (!moved) co_return failure(moved.error());
    }
    give_pipe_back();
    co_return result<void>{};
  }

  result<void> drain_spill() {
    const auto sent =
        ::send(to_.native_handle(), spill_.data(), spill_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return would_block() ? result<void>() : failure(last_error());
    count_ += static_cast<std::size_t>(sent);
    spill_.erase(spill_.begin(), spill_.begin() + sent);
    if (spill_.empty()) std::vector<std::uint8_t>().swap(spill_);
    return {};
  }

  void give_pipe_back() {
    if (pipe_) pipe_pool::local().give(std::move(*pipe_));
    pipe_.reset();
  }

  From& from_;
  To& to_;
  std::uint64_t& count_;
  std::vector<std::uint8_t> spill_;
  std::optional<kernel_pipe> pipe_;
  std::size_t well_filled_ = 0;
  unsigned thin_ = 0;
  unsigned turns_ = 0;
};

}  // namespace rathole::io
