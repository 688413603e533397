// Checks that a file that can be read has a key and matching certificates, and that any other gives
// an error text. The input is a password's length, the password and the file.

#include "support/check.hpp"
#include "support/fuzz_input.hpp"

#include <rathole/tls/pkcs12.hpp>

#include <string_view>

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const byte_view password = in.bytes();
  const auto read =
      tls::read_pkcs12(in.rest(), {reinterpret_cast<const char*>(password.data()), password.size()},
                       {.iterations = 3000});
  if (!read) {
    fuzz::check(!read.error().empty());
    return 0;
  }
  const byte_view key = read->private_key.bytes();
  fuzz::check(tls::is_usable_key(key) && !read->certificates.empty());
  fuzz::check(tls::is_certificate_of(key, read->certificates.front()));
  return 0;
}
