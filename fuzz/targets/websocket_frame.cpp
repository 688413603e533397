#include "support/check.hpp"
#include "support/fuzz_input.hpp"

#include <rathole/core/utf8.hpp>
#include <rathole/websocket/close_status.hpp>
#include <rathole/websocket/frame.hpp>
#include <rathole/websocket/mask.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace rathole;

namespace {

// The characters removed from a text are those that it consists of, in their shortest form.
void check_text(std::string_view text) {
  std::string again;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto code = take_character(rest);
    if (!code) break;
    const auto put = [&](unsigned lead, int more) {
      again += static_cast<char>(lead | *code >> (6 * more));
      while (more-- > 0) again += static_cast<char>(0x80 | (*code >> (6 * more) & 0x3f));
    };
    fuzz::check(*code < 0xd800 || (*code > 0xdfff && *code < 0x110000));
    *code < 0x80      ? put(0, 0)
    : *code < 0x800   ? put(0xc0, 1)
    : *code < 0x10000 ? put(0xe0, 2)
                      : put(0xf0, 3);
  }
  fuzz::check(again + std::string(rest) == text);
  fuzz::check(is_utf8(text) == rest.empty());
}

// Only an empty Close, 1000 and 1001 end a connection in order.
void check_close(byte_view payload) {
  const std::error_code judged = websocket::validate_close(payload);
  if (payload.empty()) return fuzz::check(!judged);
  if (payload.size() == 1) return fuzz::check(judged == errc::malformed_message);
  const int code = payload[0] * 256 + payload[1];
  const std::string_view reason(reinterpret_cast<const char*>(payload.data()) + 2,
                                payload.size() - 2);
  check_text(reason);
  fuzz::check(judged || code == 1000 || code == 1001);
  fuzz::check(judged || is_utf8(reason));
  if (judged.category() == websocket::close_category()) fuzz::check(judged.value() == code);
  if (judged == errc::malformed_message) return;
  fuzz::check(code >= 1000 && code < 5000 && code != 1005 && code != 1006 && code != 1015);
}

}  // namespace

// Checks that a header is written as it was read, that masking is correct and undoes itself, and
// that any payload as a Close is validated as in RFC 6455.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const std::size_t offset = in.byte();
  const byte_view wire = in.rest();
  if (wire.size() < 2 || wire.size() < websocket::header_size(wire[1])) return 0;
  const auto header = websocket::decode(wire);
  if (!header) {
    fuzz::check(header.error() == errc::malformed_message);
    return 0;
  }
  std::array<std::uint8_t, websocket::frame_header::max_size> again;
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
  check_close(payload);
  return 0;
}
