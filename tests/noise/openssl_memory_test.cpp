// OpenSSL allocates by functions of its own, which this program replaces.

#include "noise_pair.hpp"

#include <doctest/doctest.h>

#if RATHOLE_WITH_OPENSSL

#include <rathole/crypto/openssl/aead.hpp>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace rathole {
namespace {

struct memory {
  std::size_t allocations = 0;
  std::ptrdiff_t held = 0;
  /// The number of the allocation that fails; 0 if none does.
  std::size_t failing = 0;
  /// If not 0, memory that is freed is searched for 16 such bytes.
  std::uint8_t byte_of_key = 0;
  std::size_t keys_given_back = 0;
};
memory of_openssl;

void look_for_key(const void* freed) {
  const std::span bytes(static_cast<const std::uint8_t*>(freed),
                        ::malloc_usable_size(const_cast<void*>(freed)));
  const std::vector<std::uint8_t> key(16, of_openssl.byte_of_key);
  if (!std::ranges::search(bytes, key).empty()) ++of_openssl.keys_given_back;
}

bool fails() { return ++of_openssl.allocations == of_openssl.failing; }

void* allocate(std::size_t size, const char*, int) {
  if (fails()) return nullptr;
  void* const out = std::malloc(size);
  if (out != nullptr) ++of_openssl.held;
  return out;
}
void release(void* freed, const char*, int) {
  if (freed == nullptr) return;
  if (of_openssl.byte_of_key != 0) look_for_key(freed);
  --of_openssl.held;
  std::free(freed);
}
void* reallocate(void* old, std::size_t size, const char* file, int line) {
  if (old == nullptr) return allocate(size, file, line);
  return fails() ? nullptr : std::realloc(old, size);
}

/// Runs before anything uses OpenSSL.
const bool is_replaced = CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;

/// Both ends of a protocol, with the ciphers of OpenSSL, before there is a connection.
struct contexts {
  explicit contexts(const char* name)
      : client(make(name, noise::role::initiator)), server(make(name, noise::role::responder)) {}

  static noise::context make(const char* name, noise::role who) {
    const noise::settings from{.name = name,
                               .local_private_key = {},
                               .remote_public_key = {},
                               .engine = noise::engine::openssl};
    return *noise::context::make(from, who);
  }

  /// Handshakes, and sends a message in each direction.
  void converse() const {
    test::noise_end one(client.make_layer());
    test::noise_end other(server.make_layer());
    settle(one, other);
    one.send("forth");
    other.send("back");
    settle(one, other);
    CHECK(other.received() == "forth");
    CHECK(one.received() == "back");
  }

  noise::context client;
  noise::context server;
};

constexpr const char* protocols[] = {"Noise_XX_25519_ChaChaPoly_BLAKE2s",
                                     "Noise_XX_25519_AESGCM_SHA256"};

TEST_CASE("openssl: a message allocates nothing") {
  REQUIRE(is_replaced);
  for (const char* name : protocols) {
    CAPTURE(name);
    test::noise_pair both(name, {noise::engine::openssl, noise::engine::openssl, ""});
    settle(both.client, both.server);
    const auto pass = [&both] {
      both.client.send(std::string(16 * 1024 + 5, 'x'));
      settle(both.client, both.server);
    };
    pass();
    const std::size_t before = of_openssl.allocations;
    for (int i = 0; i < 20; ++i) pass();
    CHECK(of_openssl.allocations == before);
    CHECK(both.server.error == std::error_code());
  }
}

TEST_CASE("openssl: a session gives back all memory, whichever allocation fails") {
  REQUIRE(is_replaced);
  for (const char* name : protocols) {
    CAPTURE(name);
    // What OpenSSL keeps for the process exists from now on, the thread's error queue too.
    const contexts both(name);
    both.converse();
    ERR_raise(ERR_LIB_USER, 1);
    ERR_clear_error();
    const std::ptrdiff_t before = of_openssl.held;
    const auto fails_at = [&](std::size_t number) {
      bool has_failed = false;
      of_openssl.allocations = 0;
      of_openssl.failing = number;
      try {
        both.converse();
      } catch (const std::bad_alloc&) {
        has_failed = true;
      }
      of_openssl.failing = 0;
      ERR_clear_error();
      CHECK(of_openssl.held == before);
      CHECK(has_failed == (of_openssl.allocations >= number));
      return has_failed;
    };
    std::size_t number = 1;
    while (fails_at(number)) ++number;
    // At least a state and its implementation's part for each cipher.
    CHECK(number > 4 * 2);
    both.converse();
  }
}

template <class A>
std::size_t keys_given_back(bool is_wiped) {
  crypto::dh_key key = test::equal_bytes(0x66);
  std::vector<std::uint8_t> text(100, 'x');
  const std::array<std::uint8_t, crypto::aead_nonce_size> nonce{};
  std::array<std::uint8_t, crypto::aead_tag_size> tag;
  of_openssl.keys_given_back = 0;
  of_openssl.byte_of_key = 0x66;
  if (!is_wiped) {
    void* const plain = OPENSSL_malloc(key.size());
    std::memcpy(plain, key.data(), key.size());
    OPENSSL_free(plain);
  }
  {
    A first;
    first.set_key(key);
    first.seal(nonce, {}, text, tag);
    A second = std::move(first);
    second.set_key(test::equal_bytes(0x67));
    first.set_key(key);
  }
  of_openssl.byte_of_key = 0;
  return of_openssl.keys_given_back;
}

TEST_CASE("openssl: keys are wiped before their memory is freed") {
  REQUIRE(is_replaced);
  CHECK(keys_given_back<crypto::openssl::chacha20_poly1305>(false) == 1);
  CHECK(keys_given_back<crypto::openssl::chacha20_poly1305>(true) == 0);
  CHECK(keys_given_back<crypto::openssl::aes256_gcm>(true) == 0);
}

}  // namespace
}  // namespace rathole

#endif
