#include "support/check.hpp"
#include "support/script.hpp"

#include <rathole/websocket/frame.hpp>
#include <rathole/websocket/mask.hpp>

#include <array>
#include <vector>

using namespace rathole;

// A header that is read is written as it was. Masking is what it says, and undoes itself.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in(data, size);
  const std::size_t offset = in.octet();
  const byte_view wire = in.rest();
  if (wire.size() < 2 || wire.size() < websocket::header_size(wire[1])) return 0;
  const auto header = websocket::decode(wire);
  if (!header) {
    fuzz::check(header.error() == errc::malformed_message);
    return 0;
  }
  std::array<std::uint8_t, websocket::frame_header::maximum_size> again;
  const std::size_t length = encode(*header, again);
  fuzz::check(length == websocket::header_size(wire[1]));
  fuzz::check(
      std::equal(again.begin(), again.begin() + static_cast<std::ptrdiff_t>(length), wire.begin()));

  const byte_view payload = wire.subspan(length);
  const auto key = header->mask.value_or(websocket::mask_key{});
  std::vector<std::uint8_t> masked(payload.size());
  websocket::mask(payload, masked, key, offset);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    fuzz::check(masked[i] == (payload[i] ^ key[(offset + i) % 4]));
  }
  websocket::mask(masked, masked, key, offset);
  fuzz::check(std::equal(masked.begin(), masked.end(), payload.begin()));
  return 0;
}
