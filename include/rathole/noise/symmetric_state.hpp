#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/crypto/hkdf.hpp>
#include <rathole/noise/cipher_state.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace rathole::noise {

/// The state that the parties have agreed on so far (SymmetricState, Noise section 5.2).
template <crypto::Aead A, crypto::BlockHash H>
class symmetric_state {
 public:
  /// The output of the hash function.
  using digest = std::array<std::uint8_t, H::digest_size>;

  /// Begins with the hash of the protocol name (InitializeSymmetric).
  explicit symmetric_state(std::string_view protocol_name) {
    const byte_view name = byte_view_of(protocol_name);
    if (name.size() <= hash_.size()) {
      std::ranges::copy(name, hash_.begin());
    } else {
      H whole;
      whole.update(name);
      hash_ = whole.finish();
    }
    chaining_key_ = hash_;
  }
  /// Takes over the state of another object, which wipes its own chaining key.
  symmetric_state(symmetric_state&&) noexcept = default;
  /// Takes over the state of another object, which wipes its own chaining key.
  symmetric_state& operator=(symmetric_state&&) noexcept = default;
  /// Wipes the chaining key.
  ~symmetric_state() { wipe(chaining_key_); }

  /// Mixes `data` into the handshake hash (MixHash).
  void mix_hash(byte_view data) {
    H next;
    next.update(hash_);
    next.update(data);
    hash_ = next.finish();
  }

  /// Mixes `material` into the chaining key and sets a new cipher key (MixKey).
  void mix_key(byte_view material) {
    auto out = crypto::hkdf<2, H>(chaining_key_, material);
    chaining_key_ = out[0];
    use_key(out[1]);
    wipe(out[0]);
    wipe(out[1]);
  }

  /// Mixes `material` into the chaining key and the handshake hash, and sets a new cipher key
  /// (MixKeyAndHash).
  void mix_key_and_hash(byte_view material) {
    auto out = crypto::hkdf<3, H>(chaining_key_, material);
    chaining_key_ = out[0];
    mix_hash(out[1]);
    use_key(out[2]);
    for (digest& each : out) wipe(each);
  }

  /// Returns the handshake hash (GetHandshakeHash).
  [[nodiscard]] const digest& handshake_hash() const { return hash_; }

  /// Returns how many bytes longer than its content a part of a message is now.
  [[nodiscard]] std::size_t overhead() const { return cipher_.has_key() ? tag_size : 0; }

  /// Appends `text`, encrypted if there is a key, to `out` (EncryptAndHash).
  result<void> encrypt_and_hash(byte_view text, byte_buffer& out) {
    const byte_span room = out.extend(text.size() + overhead());
    std::ranges::copy(text, room.begin());
    if (cipher_.has_key()) {
      const auto sealed =
          cipher_.encrypt(hash_, room.first(text.size()), room.template last<tag_size>());
      if (!sealed) return sealed;
    }
    mix_hash(room);
    return {};
  }

  /// Decrypts `message` in place if there is a key (DecryptAndHash); returns the text, which is the
  /// front of `message`.
  result<byte_view> decrypt_and_hash(byte_span message) {
    if (message.size() < overhead()) return failure(errc::malformed_message);
    const byte_span text = message.first(message.size() - overhead());
    const digest before = hash_;
    mix_hash(message);
    if (cipher_.has_key()) {
      const auto opened = cipher_.decrypt(before, text, message.template last<tag_size>());
      if (!opened) return failure(opened.error());
    }
    return byte_view(text);
  }

  /// Returns the ciphers from the initiator to the responder, and back (Split).
  std::pair<cipher_state<A>, cipher_state<A>> split() {
    auto out = crypto::hkdf<2, H>(chaining_key_, {});
    std::pair<cipher_state<A>, cipher_state<A>> made;
    made.first.initialize_key(first_half(out[0]));
    made.second.initialize_key(first_half(out[1]));
    wipe(out[0]);
    wipe(out[1]);
    return made;
  }

 private:
  static symmetric_key first_half(const digest& from) {
    symmetric_key out;
    std::copy_n(from.begin(), out.size(), out.begin());
    return out;
  }

  void use_key(const digest& from) {
    symmetric_key key = first_half(from);
    cipher_.initialize_key(key);
    wipe(key);
  }

  digest chaining_key_{};
  digest hash_{};
  cipher_state<A> cipher_;
};

}  // namespace rathole::noise
