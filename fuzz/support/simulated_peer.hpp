#pragma once

#include "check.hpp"

#include <rathole/io/run/task_group.hpp>
#include <rathole/sim/world.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace rathole::fuzz {

/// Returns the byte at a position of every visitor's traffic.
inline std::uint8_t pattern_at(std::size_t position) {
  return static_cast<std::uint8_t>(position * 131 >> 3 ^ position);
}

/// One end of a connection that the fuzzer's input controls: what it sends and when, whether it
/// reads, how it ends. It sends as fast as the connection accepts.
class simulated_peer : public std::enable_shared_from_this<simulated_peer> {
 public:
  /// The reaction to bytes that it reads after the preamble.
  enum class role {
    /// Nothing.
    recorder,
    /// Compares it with the pattern that it has sent itself.
    visitor,
    /// Sends it back.
    echo,
  };

  explicit simulated_peer(io::executor ex) : outbox_changed_(ex), may_read_(ex) {}

  /// Reads and writes until the connection ends; `tasks` runs both.
  void begin(sim::stream opened, io::task_group& tasks) {
    if (closed_) return opened.abort();
    stream_.emplace(std::move(opened));
    tasks.spawn(write_all(shared_from_this()));
    tasks.spawn(read_all(shared_from_this()));
  }

  /// Takes a role that begins after `preamble` bytes from the peer. Only the first role counts.
  void take_part(role part, std::size_t preamble) {
    if (role_ != role::recorder) return;
    role_ = part;
    preamble_ = preamble;
  }
  [[nodiscard]] role part() const { return role_; }

  /// Returns whether it has sent anything.
  [[nodiscard]] bool has_sent() const { return has_sent_; }

  void send(byte_view bytes) {
    has_sent_ = true;
    outbox_.insert(outbox_.end(), bytes.begin(), bytes.end());
    outbox_changed_.notify();
  }

  /// Sends the next `count` bytes of the pattern.
  void send_pattern(std::size_t count) {
    std::vector<std::uint8_t> bytes(count);
    for (std::uint8_t& byte : bytes) byte = pattern_at(patterned_++);
    send(bytes);
  }

  /// Sends only what is waiting, and then ends its direction.
  void finish() {
    finishing_ = true;
    outbox_changed_.notify();
  }

  void close() {
    end([](sim::stream& open) { open.close(); });
  }
  void abort() {
    end([](sim::stream& open) { open.abort(); });
  }

  void set_reading(bool on) {
    reading_ = on;
    may_read_.notify();
  }

  /// Returns the first bytes from the peer, enough for any handshake.
  [[nodiscard]] byte_view received() const { return data_; }

  /// Returns how many bytes of its own pattern came back.
  [[nodiscard]] std::size_t echoed() const { return received_ - std::min(received_, preamble_); }

 private:
  using shared = std::shared_ptr<simulated_peer>;

  template <class F>
  void end(F how) {
    if (stream_) how(*stream_);
    closed_ = true;
    outbox_changed_.notify();
    may_read_.notify();
  }

  static io::awaitable<void> write_all(shared self) {
    for (;;) {
      if (self->closed_) co_return;
      if (!self->outbox_.empty()) {
        const auto chunk = std::exchange(self->outbox_, {});
        const auto sent = co_await self->stream_->write(chunk);
        if (!sent) co_return;
      } else if (self->finishing_) {
        co_await self->stream_->shutdown_send();
        co_return;
      } else {
        co_await self->outbox_changed_.wait();
      }
    }
  }

  static io::awaitable<void> read_all(shared self) {
    std::vector<std::uint8_t> buffer(4096);
    for (;;) {
      if (self->closed_) co_return;
      if (!self->reading_) {
        co_await self->may_read_.wait();
        continue;
      }
      const auto count = co_await self->stream_->read_some(buffer);
      if (!count || *count == 0) break;
      self->on_data(byte_view(buffer).first(*count));
    }
    if (self->role_ == role::echo) self->finish();
  }

  void on_data(byte_view in) {
    const std::size_t room = max_received - std::min(max_received, data_.size());
    const byte_view kept = in.first(std::min(room, in.size()));
    data_.insert(data_.end(), kept.begin(), kept.end());

    const std::size_t skipped = std::min(preamble_ - std::min(preamble_, received_), in.size());
    received_ += in.size();
    const byte_view payload = in.subspan(skipped);
    if (role_ == role::echo) send(payload);
    if (role_ != role::visitor) return;
    std::size_t position = received_ - preamble_ - payload.size();
    if (payload.empty()) return;
    check(received_ - preamble_ <= patterned_);
    for (const std::uint8_t byte : payload) check(byte == pattern_at(position++));
  }

  static constexpr std::size_t max_received = 64;

  std::optional<sim::stream> stream_;
  io::event outbox_changed_;
  io::event may_read_;
  std::vector<std::uint8_t> outbox_;
  std::vector<std::uint8_t> data_;
  role role_ = role::recorder;
  std::size_t preamble_ = 0;
  std::size_t received_ = 0;
  std::size_t patterned_ = 0;
  bool has_sent_ = false;
  bool reading_ = true;
  bool finishing_ = false;
  bool closed_ = false;
};

}  // namespace rathole::fuzz
