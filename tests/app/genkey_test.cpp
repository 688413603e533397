#if RATHOLE_WITH_NOISE

#include <rathole/app/genkey.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>

namespace rathole::app {
namespace {

TEST_CASE("genkey: prints a key pair in upstream's format") {
  std::ostringstream out;
  CHECK(generate_key(out) == 0);
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

  const auto bytes = from_base64(secret);
  REQUIRE(bytes);
  REQUIRE(bytes->size() == crypto::dh_key_size);
  crypto::dh_key key;
  std::ranges::copy(*bytes, key.begin());
  CHECK(shown == to_base64(crypto::botan::x25519_key_pair(key).public_key()));

  std::ostringstream again;
  generate_key(again);
  CHECK(again.str() != out.str());
}

}  // namespace
}  // namespace rathole::app

#endif
