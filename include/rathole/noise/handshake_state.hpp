#pragma once

#include <rathole/core/constant_time.hpp>
#include <rathole/noise/protocol_name.hpp>
#include <rathole/noise/symmetric_state.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::noise {

/// The keys that a party brings to a handshake. The destructor wipes those that the object holds
/// itself; a moved-from object keeps its copy until then.
template <crypto::DhKeyPair K>
struct handshake_keys {
  /// The static key pair, if the pattern uses one, which all handshakes of the party share.
  std::shared_ptr<const K> local_static = {};
  /// The private ephemeral key, which must be fresh and random in each handshake.
  crypto::dh_key local_ephemeral = {};
  /// The peer's public static key, if it is known or expected.
  std::optional<crypto::dh_key> remote_static = {};
  /// The pre-shared keys, in the order of the pattern's `psk` tokens.
  std::vector<symmetric_key> psks = {};

  /// Makes an object without keys.
  handshake_keys() = default;
  /// Copies the keys.
  handshake_keys(const handshake_keys&) = default;
  /// Moves the keys; those of fixed size stay in the other object as well.
  handshake_keys(handshake_keys&&) = default;
  /// Copies the keys.
  handshake_keys& operator=(const handshake_keys&) = default;
  /// Moves the keys; those of fixed size stay in the other object as well.
  handshake_keys& operator=(handshake_keys&&) = default;
  /// Wipes the keys.
  ~handshake_keys() {
    wipe(local_ephemeral);
    for (symmetric_key& each : psks) wipe(each);
  }
};

/// Performs a handshake with an empty prologue (HandshakeState, Noise section 5.3).
template <crypto::DhKeyPair K, crypto::Aead A, crypto::BlockHash H>
class handshake_state {
 public:
  /// Begins the handshake of the protocol `name` in the role `who`. `keys` must hold every key that
  /// the pattern requires.
  handshake_state(const protocol_name& name, role who, handshake_keys<K> keys)
      : symmetric_(name.text), pattern_(name.pattern), role_(who), keys_(std::move(keys)) {
    symmetric_.mix_hash({});
    if (pattern_.initiator_is_known) mix_pre_message(role::initiator);
    if (pattern_.responder_is_known) mix_pre_message(role::responder);
    if (peer_is_known()) remote_static_ = keys_.remote_static;
  }

  /// Returns whether all messages of the handshake have been exchanged.
  [[nodiscard]] bool is_finished() const { return next_ == pattern_.messages.size(); }

  /// Returns whether this party sends the next message.
  [[nodiscard]] bool is_my_turn() const {
    return !is_finished() && (next_ % 2 == 0) == (role_ == role::initiator);
  }

  /// Appends the next message, which this party must send, with `payload`. Fails with
  /// `errc::weak_public_key`.
  result<void> write_message(byte_view payload, byte_buffer& out) {
    for (const token each : pattern_.messages[next_]) {
      result<void> done;
      switch (each) {
        case token::e: write_ephemeral(out); break;
        case token::s:
          done = symmetric_.encrypt_and_hash(keys_.local_static->public_key(), out);
          break;
        default: done = mix(each); break;
      }
      if (!done) return done;
    }
    ++next_;
    return symmetric_.encrypt_and_hash(payload, out);
  }

  /// Reads the peer's next message in place; returns a view of its payload inside `message`. Fails
  /// with `errc::malformed_message`, `errc::decryption_failed`, `errc::weak_public_key`, and with
  /// `errc::wrong_public_key` if the peer's static key is not the expected one.
  result<byte_view> read_message(byte_span message) {
    for (const token each : pattern_.messages[next_]) {
      result<void> done;
      switch (each) {
        case token::e: done = read_ephemeral(message); break;
        case token::s: done = read_static(message); break;
        default: done = mix(each); break;
      }
      if (!done) return failure(done.error());
    }
    ++next_;
    return symmetric_.decrypt_and_hash(message);
  }

  /// Returns the peer's static key, once it is known.
  [[nodiscard]] const std::optional<crypto::dh_key>& remote_static() const {
    return remote_static_;
  }
  /// Returns the hash of the handshake so far (GetHandshakeHash, Noise section 5.2).
  [[nodiscard]] const auto& handshake_hash() const { return symmetric_.handshake_hash(); }

  /// Returns the ciphers from the initiator to the responder, and back (Split). The handshake must
  /// be finished.
  auto split() { return symmetric_.split(); }

 private:
  [[nodiscard]] bool peer_is_known() const {
    return role_ == role::initiator ? pattern_.responder_is_known : pattern_.initiator_is_known;
  }

  void mix_pre_message(role whose) {
    symmetric_.mix_hash(whose == role_ ? keys_.local_static->public_key() : *keys_.remote_static);
  }

  void mix_public(const crypto::dh_key& key) {
    symmetric_.mix_hash(key);
    // Section 9.2: with a psk the ephemeral keys randomize what is encrypted under it.
    if (pattern_.has_psk) symmetric_.mix_key(key);
  }

  void write_ephemeral(byte_buffer& out) {
    // Made only now: a peer that sends no valid message must not cost the computation.
    local_ephemeral_.emplace(keys_.local_ephemeral);
    out.append(local_ephemeral_->public_key());
    mix_public(local_ephemeral_->public_key());
  }

  result<void> read_ephemeral(byte_span& message) {
    if (message.size() < crypto::dh_key_size) return failure(errc::malformed_message);
    std::ranges::copy(message.first<crypto::dh_key_size>(), remote_ephemeral_.begin());
    message = message.subspan(crypto::dh_key_size);
    mix_public(remote_ephemeral_);
    return {};
  }

  result<void> read_static(byte_span& message) {
    const std::size_t size = crypto::dh_key_size + symmetric_.overhead();
    if (message.size() < size) return failure(errc::malformed_message);
    const auto key = symmetric_.decrypt_and_hash(message.first(size));
    if (!key) return failure(key.error());
    message = message.subspan(size);
    std::ranges::copy(*key, remote_static_.emplace().begin());
    if (keys_.remote_static && !constant_time_equal(*remote_static_, *keys_.remote_static)) {
      return failure(errc::wrong_public_key);
    }
    return {};
  }

  /// Processes a token that only mixes a secret into the state.
  result<void> mix(token what) {
    const bool first = role_ == role::initiator;
    switch (what) {
      case token::psk: symmetric_.mix_key_and_hash(keys_.psks[next_psk_++]); return {};
      case token::ee: return mix_shared(*local_ephemeral_, remote_ephemeral_);
      case token::ss: return mix_shared(*keys_.local_static, *remote_static_);
      case token::es:
        return first ? mix_shared(*local_ephemeral_, *remote_static_)
                     : mix_shared(*keys_.local_static, remote_ephemeral_);
      case token::se:
        return first ? mix_shared(*keys_.local_static, remote_ephemeral_)
                     : mix_shared(*local_ephemeral_, *remote_static_);
      case token::e:
      case token::s: break;
    }
    return {};
  }

  result<void> mix_shared(const K& own, const crypto::dh_key& other) {
    auto shared = own.agree(other);
    if (!shared) return failure(shared.error());
    symmetric_.mix_key(*shared);
    wipe(*shared);
    return {};
  }

  symmetric_state<A, H> symmetric_;
  handshake_pattern pattern_;
  role role_;
  handshake_keys<K> keys_;
  std::optional<K> local_ephemeral_;
  std::optional<crypto::dh_key> remote_static_;
  crypto::dh_key remote_ephemeral_{};
  std::size_t next_ = 0;
  std::size_t next_psk_ = 0;
};

}  // namespace rathole::noise
