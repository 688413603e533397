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
  return 0;
}
