#if RATHOLE_WITH_NOISE

#include <rathole/app/genkey.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>

namespace rathole::app {
namespace {

TEST_CASE("genkey: a pair of keys, as upstream prints them") {
  std::ostringstream out;
  std::ostringstream err;
  CHECK(generate_key("x25519", out, err) == 0);
  CHECK(err.str().empty());
  std::istringstream lines(out.str());
  std::string title;
  std::string secret;
  std::string empty;
  std::string second_title;
  std::string shown;
  std::getline(lines, title);
  std::getline(lines, secret);
  std::getline(lines, empty);
  std::getline(lines, second_title);
  std::getline(lines, shown);
  CHECK(title == "Private Key:");
  CHECK(empty.empty());
  CHECK(second_title == "Public Key:");
  CHECK(lines.peek() == std::istringstream::traits_type::eof());

  const auto octets = from_base64(secret);
  REQUIRE(octets);
  REQUIRE(octets->size() == crypto::dh_key_size);
  crypto::dh_key key;
  std::ranges::copy(*octets, key.begin());
  CHECK(shown == to_base64(crypto::botan::x25519::public_key(key)));

  std::ostringstream again;
  generate_key("x25519", again, err);
  CHECK(again.str() != out.str());
}

TEST_CASE("genkey: the curve that nobody has") {
  std::ostringstream out;
  std::ostringstream err;
  CHECK(generate_key("x448", out, err) == 1);
  CHECK(out.str().empty());
  CHECK(err.str() == "Error: x448 keys are not supported: use x25519\n");
}

}  // namespace
}  // namespace rathole::app

#endif
