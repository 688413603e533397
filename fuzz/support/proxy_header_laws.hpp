#pragma once

#include "check.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/proxy_protocol/header.hpp>
#include <rathole/proxy_protocol/header_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::fuzz {

/// What became of the bytes that a reader of headers was given.
struct header_reading {
  std::error_code error = {};
  bool is_complete = false;
  std::optional<proxy_protocol::endpoints> ends = {};
  /// How many bytes it has taken.
  std::size_t taken = 0;

  [[nodiscard]] bool operator==(const header_reading&) const = default;
};

/// Gives `in` to a reader in pieces of at most `most` bytes. It never wants more than a header may have.
inline header_reading read_header(byte_view in, std::size_t most) {
  proxy_protocol::header_reader reader;
  header_reading out;
  while (!reader.is_complete()) {
    check(reader.wanted() > 0);
    check(out.taken + reader.wanted() <= proxy_protocol::max_header_size);
    const std::size_t size = std::min({reader.wanted(), most, in.size() - out.taken});
    if (size == 0) return out;
    const auto fed = reader.receive(in.subspan(out.taken, size));
    out.taken += size;
    if (!fed) {
      out.error = fed.error();
      check(out.error == errc::malformed_proxy_header || out.error == errc::message_too_long);
      return out;
    }
  }
  check(reader.wanted() == 0);
  out.is_complete = true;
  out.ends = reader.ends();
  return out;
}

/// Checks that any cut gives the same header, no byte after it is taken, and that what a header says is
/// written and read back unchanged, in both versions.
inline void check_header(byte_view in, std::size_t most) {
  const header_reading whole = read_header(in, in.size());
  const header_reading cut = read_header(in, std::max<std::size_t>(most, 1));
  check(cut.is_complete == whole.is_complete && cut.ends == whole.ends);
  // A malformed header may be recognized earlier in pieces.
  check(bool{cut.error} == bool{whole.error} && cut.taken <= whole.taken);
  if (!whole.is_complete) return;
  check(cut.taken == whole.taken);
  check(read_header(in.first(whole.taken), in.size()) == whole);
  for (const auto as : {proxy_protocol::version::v1, proxy_protocol::version::v2}) {
    byte_buffer out;
    proxy_protocol::append_header(out, as, whole.ends);
    const byte_view bytes = std::as_const(out).data();
    const header_reading again = read_header(bytes, bytes.size());
    check(again.is_complete && again.taken == bytes.size());
    check(again.ends == whole.ends);
  }
}

}  // namespace rathole::fuzz
