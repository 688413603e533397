#include "../support/octets.hpp"

#include <rathole/core/constant_time.hpp>
#include <rathole/core/secret.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

namespace rathole::test {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Printable<secret>);
static_assert(std::is_nothrow_move_constructible_v<secret>);

TEST_CASE("secret: holds octets and prints as MASKED") {
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

TEST_CASE("secret: copies stand alone, a moved one leaves nothing behind") {
  secret first("0123456789");
  const secret copy = first;
  secret moved = std::move(first);
  CHECK(first.empty());
  CHECK(moved == copy);
  moved = secret("other");
  CHECK(copy.view() == "0123456789");
  moved = std::as_const(moved);
  CHECK(moved.view() == "other");
}

TEST_CASE("secret: the octets are wiped before the memory is given back") {
  octet_vector memory = octets("01 02 03");
  wipe(memory);
  CHECK(to_hex(memory) == "000000");
  wipe({});
}

TEST_CASE("constant_time_equal: like ==, for views of any length") {
  const octet_vector a = octets("01 02 03");
  CHECK(constant_time_equal(a, octets("01 02 03")));
  CHECK_FALSE(constant_time_equal(a, octets("00 02 03")));
  CHECK_FALSE(constant_time_equal(a, octets("01 02 83")));
  CHECK_FALSE(constant_time_equal(a, octets("01 02")));
  CHECK_FALSE(constant_time_equal(a, octets("01 02 03 00")));
  CHECK(constant_time_equal({}, {}));
}

}  // namespace
}  // namespace rathole::test
