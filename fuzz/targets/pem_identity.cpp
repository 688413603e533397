// Checks that an identity that can be read has a key and matching certificates, and that any other
// gives an error text. One text is both the certificates and the key.

#include "support/check.hpp"
#include "support/fuzz_input.hpp"

#include <rathole/tls/pem_identity.hpp>

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::fuzz_input(data, size).text();
  const auto read = tls::read_pem_identity(text, text);
  if (!read) {
    fuzz::check(!read.error().empty());
    return 0;
  }
  const byte_view key = read->private_key.bytes();
  fuzz::check(tls::is_usable_key(key) && !read->certificates.empty());
  fuzz::check(tls::is_certificate_of(key, read->certificates.front()));
  return 0;
}
