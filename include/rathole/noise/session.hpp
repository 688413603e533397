#pragma once

#include <rathole/noise/handshake_state.hpp>

#include <memory>
#include <span>
#include <utility>

namespace rathole::noise {

/// The state of one connection, whatever its cipher suite: first the handshake, then the two
/// ciphers. Payloads of the handshake are empty, and ignored if received.
class session {
 public:
  /// Destroys the state with its keys.
  virtual ~session() = default;

  /// Returns whether this party sends the next message of the handshake.
  [[nodiscard]] virtual bool is_my_turn() const = 0;
  /// Returns whether the handshake is finished.
  [[nodiscard]] virtual bool is_finished() const = 0;
  /// Appends the next message of the handshake, which this party must send. Fails as
  /// `handshake_state` does.
  virtual result<void> write_handshake(byte_buffer& out) = 0;
  /// Reads the peer's next message of the handshake in place. Fails as `handshake_state` does.
  virtual result<void> read_handshake(byte_span message) = 0;

  /// Encrypts one transport message in place, after the handshake. Fails as `cipher_state` does.
  virtual result<void> encrypt(byte_span text, std::span<std::uint8_t, tag_size> tag) = 0;
  /// Decrypts one transport message in place, after the handshake. Fails as `cipher_state` does.
  virtual result<void> decrypt(byte_span text, std::span<const std::uint8_t, tag_size> tag) = 0;
};

/// Implements `session` for one cipher suite.
template <crypto::DhKeyPair K, crypto::Aead A, crypto::BlockHash H>
class session_of final : public session {
 public:
  /// Begins the handshake of the protocol `name` in the role `who`.
  session_of(const protocol_name& name, role who, handshake_keys<K> keys)
      : handshake_(std::make_unique<handshake_state<K, A, H>>(name, who, std::move(keys))),
        role_(who) {}

  [[nodiscard]] bool is_my_turn() const override { return handshake_ && handshake_->is_my_turn(); }
  [[nodiscard]] bool is_finished() const override { return !handshake_; }

  result<void> write_handshake(byte_buffer& out) override {
    auto written = handshake_->write_message({}, out);
    if (written) finish();
    return written;
  }

  result<void> read_handshake(byte_span message) override {
    const auto payload = handshake_->read_message(message);
    if (!payload) return failure(payload.error());
    finish();
    return {};
  }

  result<void> encrypt(byte_span text, std::span<std::uint8_t, tag_size> tag) override {
    return sending_.encrypt({}, text, tag);
  }
  result<void> decrypt(byte_span text, std::span<const std::uint8_t, tag_size> tag) override {
    return receiving_.decrypt({}, text, tag);
  }

 private:
  void finish() {
    if (!handshake_->is_finished()) return;
    auto [forth, back] = handshake_->split();
    const bool first = role_ == role::initiator;
    sending_ = std::move(first ? forth : back);
    receiving_ = std::move(first ? back : forth);
    handshake_.reset();
  }

  /// Null once the handshake is finished: an open connection does not pay for its memory.
  std::unique_ptr<handshake_state<K, A, H>> handshake_;
  role role_;
  cipher_state<A> sending_;
  cipher_state<A> receiving_;
};

}  // namespace rathole::noise
