#include "../support/bytes.hpp"

#include <rathole/core/constant_time.hpp>
#include <rathole/core/secret.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

namespace rathole::test {
namespace {

/// Memory that is inspected at the moment it is freed.
struct watched_memory {
  const std::uint8_t* at = nullptr;
  bool freed = false;
  bool wiped = false;
};
watched_memory watched;

void give_back(void* memory) noexcept {
  if (memory != nullptr && memory == watched.at) {
    watched.freed = true;
    watched.wiped = std::all_of(watched.at, watched.at + 10, [](std::uint8_t o) { return o == 0; });
    watched.at = nullptr;
  }
  std::free(memory);
}

void* allocate(std::size_t size) {
  void* const memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Printable<secret>);
static_assert(std::is_nothrow_move_constructible_v<secret>);

TEST_CASE("secret: holds bytes and prints as MASKED") {
  const secret token("use_a_secret");
  CHECK(token.view() == "use_a_secret");
  CHECK(token.bytes().size() == 12);
  CHECK(to_string(token) == "MASKED");
  CHECK_FALSE(token.empty());
  CHECK(secret().empty());
  CHECK(secret("").view().empty());
}

TEST_CASE("secret: compares by contents") {
  CHECK(secret("a") == secret("a"));
  CHECK(secret("a") != secret("b"));
  CHECK(secret("a") != secret("ab"));
  CHECK(secret() == secret(""));
  CHECK(secret(std::string("a\0b", 3)) != secret(std::string("a\0c", 3)));
}

TEST_CASE("secret: copies are independent, and a moved-from secret is empty") {
  secret first("0123456789");
  const secret copy = first;
  secret moved = std::move(first);
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): promised to be empty
  CHECK(moved == copy);
  moved = secret("other");
  CHECK(copy.view() == "0123456789");
  moved = std::as_const(moved);
  CHECK(moved.view() == "other");
}

TEST_CASE("wipe: overwrites with zeros") {
  byte_vector memory = bytes("01 02 03");
  wipe(memory);
  CHECK(to_hex(memory) == "000000");
  wipe({});
}

TEST_CASE("secret: the bytes are wiped before the memory is given back") {
  watched = watched_memory();
  SUBCASE("on destruction") {
    const secret token("0123456789");
    watched.at = token.bytes().data();
  }
  SUBCASE("on assignment") {
    secret token("0123456789");
    watched.at = token.bytes().data();
    token = secret("other");
  }
  SUBCASE("after a move, when the new one is destroyed") {
    secret token("0123456789");
    watched.at = token.bytes().data();
    const secret moved = std::move(token);
    CHECK(moved.bytes().data() == watched.at);
  }
  CHECK(watched.freed);
  CHECK(watched.wiped);
}

TEST_CASE("secret: the text that it is made from is wiped") {
  // Long enough to be allocated outside the string object, whose own memory ends with the call.
  std::string text(100, 'x');
  watched = watched_memory();
  watched.at = reinterpret_cast<const std::uint8_t*>(text.data());
  {
    const secret token(std::move(text));
  }
  CHECK(watched.freed);
  CHECK(watched.wiped);
}

TEST_CASE("constant_time_equal: same as ==, for views of any length") {
  const byte_vector a = bytes("01 02 03");
  CHECK(constant_time_equal(a, bytes("01 02 03")));
  CHECK_FALSE(constant_time_equal(a, bytes("00 02 03")));
  CHECK_FALSE(constant_time_equal(a, bytes("01 02 83")));
  CHECK_FALSE(constant_time_equal(a, bytes("01 02")));
  CHECK_FALSE(constant_time_equal(a, bytes("01 02 03 00")));
  CHECK(constant_time_equal({}, {}));
}

}  // namespace
}  // namespace rathole::test

// The whole executable allocates through these; only `watched` memory is treated differently.
void* operator new(std::size_t size) { return rathole::test::allocate(size); }
void* operator new[](std::size_t size) { return rathole::test::allocate(size); }
void operator delete(void* memory) noexcept { rathole::test::give_back(memory); }
void operator delete[](void* memory) noexcept { rathole::test::give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { rathole::test::give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { rathole::test::give_back(memory); }
