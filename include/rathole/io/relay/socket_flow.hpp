#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/byte_count.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/relay/pipe_pool.hpp>
#include <rathole/io/relay/thread_buffer.hpp>
#include <rathole/io/socket/nonblocking.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::io {

/// One direction of a relay between two non-blocking sockets on Linux. A flow is copied through
/// a buffer that all flows of the thread share. A bulk flow is spliced through a pooled pipe
/// instead, so that its bytes never enter this process's memory; when it has become thin, it is
/// copied again. A flow that waits for bytes owns neither a buffer nor a pipe.
class socket_flow {
 public:
  /// What a flow waits for.
  enum class waiting {
    /// Bytes from the source.
    for_source,
    /// Room in the sink.
    for_sink,
    /// Nothing, because the flow has ended.
    for_nothing
  };

  /// Makes a flow that adds the number of carried bytes to `count`, which must outlive it.
  explicit socket_flow(byte_count& count) : count_(count) {}
  socket_flow(const socket_flow&) = delete;
  socket_flow& operator=(const socket_flow&) = delete;
  /// Wipes the buffer of the thread if the flow has used it.
  ~socket_flow() {
    if (has_copied_) copy_buffer::of_thread().wipe();
  }

  /// Returns whether `advance` failed because of the sink, not because of the source.
  [[nodiscard]] bool has_sink_failed() const { return has_sink_failed_; }

  /// Transfers what it can from the socket `source` to the socket `sink` without waiting, up to the
  /// limit of one turn, but takes at most `most` bytes from the source. The caller must pass on the
  /// end of the source's direction. `end_is_there` says that the source is known to have ended after
  /// the bytes that wait to be read. Fails with the system's error.
  result<waiting> advance(int source, int sink, bool end_is_there = false,
                          std::size_t most = unlimited) {
    end_is_there_ = end_is_there;
    allowed_ = most;
    return transfer(source, sink, moves_per_turn);
  }
  /// Returns how many more bytes the last `advance` might have taken from the source.
  [[nodiscard]] std::size_t allowed() const { return allowed_; }
  /// Transfers like `advance` what was read from the source before, and reads nothing more.
  result<waiting> advance_sink(int sink) { return transfer(-1, sink, 0); }

 private:
  enum class move { more, source_empty, sink_full, ended };

  static constexpr std::size_t buffer_size = 64 * 1024;
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
  /// The size of a read that counts as well filled, in bytes.
  static constexpr std::size_t well_filled = 16 * 1024;
  /// How many bytes of well-filled reads in a row make a flow a bulk flow.
  static constexpr std::size_t bulky_after = 256 * 1024;
  /// How many thin moves in a row end splicing.
  static constexpr unsigned thin_after = 16;
  /// How many moves are done before other flows run.
  static constexpr unsigned moves_per_turn = 16;

  using copy_buffer = thread_buffer<byte_buffer>;

  /// Returns whether SIGPIPE is ignored: splice(2) raises it on a reset socket, and has no flag
  /// against it.
  static bool splice_is_safe() {
    static const bool safe = [] {
      struct sigaction action{};
      return ::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    }();
    return safe;
  }

  /// Returns the error of a call on the sink.
  std::unexpected<std::error_code> sink_failure() {
    has_sink_failed_ = true;
    return failure(last_error());
  }

  result<waiting> transfer(int source, int sink, unsigned most_moves) {
    const auto found = move_bytes(source, sink, most_moves);
    if (pipe_ && (!found || pipe_->held() == 0)) {
      pipe_pool::of_thread().give(std::move(*pipe_));
      pipe_.reset();
    }
    return found;
  }

  result<waiting> move_bytes(int source, int sink, unsigned most_moves) {
    const auto drained = drain(sink);
    if (!drained) return failure(drained.error());
    if (!*drained) return waiting::for_sink;
    for (unsigned moves = 0; moves < most_moves && allowed_ > 0; ++moves) {
      const auto moved = bulky() ? splice(source, sink) : copy(source, sink);
      if (!moved) return failure(moved.error());
      switch (*moved) {
        case move::more: break;
        case move::source_empty: return waiting::for_source;
        case move::sink_full: return waiting::for_sink;
        case move::ended: return waiting::for_nothing;
      }
    }
    return waiting::for_source;
  }

  [[nodiscard]] bool bulky() const { return well_filled_ >= bulky_after; }

  result<move> copy(int source, int sink) {
    const auto lent = copy_buffer::of_thread().lend();
    if (!lent) return failure(lent.error());
    byte_buffer& buffer = **lent;
    has_copied_ = true;
    const std::size_t asked = std::min(buffer_size, allowed_);
    const auto taken = receive_nonblocking(source, buffer, asked);
    if (!taken) return failure(taken.error());
    if (!*taken) return move::source_empty;
    if (**taken == 0) return move::ended;
    const std::size_t size = **taken;
    allowed_ -= size;
    if (size < well_filled) {
      well_filled_ = 0;
    } else if (splice_is_safe()) {
      well_filled_ += size;
    }
    // An end that follows at once is sent with the last bytes.
    const bool is_last = end_is_there_ && size < asked;
    const auto sent = ::send(sink, std::as_const(buffer).data().data(), size,
                             MSG_DONTWAIT | MSG_NOSIGNAL | (is_last ? MSG_MORE : 0));
    if (sent < 0 && !would_block()) return sink_failure();
    const auto done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    count_ += done;
    if (done == size) return is_last || size == asked ? move::more : move::source_empty;
    const byte_view rest = std::as_const(buffer).data().subspan(done);
    spill_.assign(rest.begin(), rest.end());
    return move::sink_full;
  }

  result<move> splice(int source, int sink) {
    if (!pipe_) pipe_ = pipe_pool::of_thread().take();
    if (!pipe_) {
      well_filled_ = 0;
      return move::more;
    }
    const auto taken = pipe_->fill_from(source, allowed_);
    if (taken == 0) return move::ended;
    if (taken < 0) return would_block() ? result<move>(move::source_empty) : failure(last_error());
    allowed_ -= static_cast<std::size_t>(taken);
    if (static_cast<std::size_t>(taken) >= well_filled) {
      thin_ = 0;
    } else if (++thin_ == thin_after) {
      thin_ = 0;
      well_filled_ = 0;
    }
    const auto drained = drain(sink);
    if (!drained) return failure(drained.error());
    return *drained ? move::more : move::sink_full;
  }

  /// Moves the bytes read from the source to `sink`; returns whether all of them were moved.
  result<bool> drain(int sink) {
    while (!spill_.empty()) {
      const auto sent = ::send(sink, spill_.data(), spill_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return would_block() ? result<bool>(false) : sink_failure();
      count_ += static_cast<std::size_t>(sent);
      spill_.erase(spill_.begin(), spill_.begin() + sent);
      if (spill_.empty()) std::vector<std::uint8_t>().swap(spill_);
    }
    while (pipe_ && pipe_->held() > 0) {
      const auto moved = pipe_->drain_into(sink);
      if (moved == 0 || (moved < 0 && would_block())) return false;
      if (moved < 0) return sink_failure();
      count_ += static_cast<std::size_t>(moved);
    }
    return true;
  }

  byte_count& count_;
  std::vector<std::uint8_t> spill_;
  std::optional<kernel_pipe> pipe_;
  std::size_t allowed_ = unlimited;
  std::size_t well_filled_ = 0;
  unsigned thin_ = 0;
  bool end_is_there_ = false;
  bool has_copied_ = false;
  bool has_sink_failed_ = false;
};

}  // namespace rathole::io
