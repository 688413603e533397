#include "support/check.hpp"

#include <rathole/noise/protocol_name.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto name = noise::parse_protocol_name(text);
  if (!name) {
    fuzz::check(!name.error().empty());
    return 0;
  }
  fuzz::check(name->text == text);
  fuzz::check(name->pattern.messages.size() >= 2);
  std::size_t psks = 0;
  for (const auto& message : name->pattern.messages) {
    for (const auto token : message) psks += token == noise::token::psk;
  }
  fuzz::check(name->pattern.has_psk == (psks > 0));

  // The letters of the pattern say how the static keys of the two parties become known; N means
  // that there is none.
  const std::string_view letters = text.substr(text.find('_') + 1);
  const char responder = letters[letters[1] == '1' ? 2 : 1];
  fuzz::check(name->pattern.uses_static(noise::role::initiator) == (letters[0] != 'N'));
  fuzz::check(name->pattern.uses_static(noise::role::responder) == (responder != 'N'));
  return 0;
}
