#pragma once

#include "check.hpp"

#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/detect_protocol.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace rathole::fuzz {

/// Checks that the bytes of a connection look like a protocol only if they may begin a message of
/// it, that only the first `detection_size` of them count, and that the error names the protocol.
inline void check_detection(byte_view in) {
  using protocol::wire_protocol;
  const wire_protocol found = protocol::detect_protocol(in);
  const byte_view first = in.first(std::min(in.size(), protocol::detection_size));
  check(protocol::detect_protocol(first) == found);
  const auto is_text = [](std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f; };
  switch (found) {
    // A record's type and version, up to TLS 1.3.
    case wire_protocol::tls:
      check(first[0] >= 20 && first[0] < 24 && first[1] == 3 && first[2] < 5);
      break;
    case wire_protocol::http: check(std::ranges::all_of(first, is_text)); break;
    // The variant of a Hello is a number of four bytes.
    case wire_protocol::hello: check(first[1] == 0 && first[2] == 0 && first[3] == 0); break;
    // The length of a message with a key, in two bytes.
    case wire_protocol::noise: check(first[0] >= 32 && first[1] == 0); break;
    case wire_protocol::other: break;
  }
  check(found == wire_protocol::other || first.size() == protocol::detection_size);
  if (protocol::bincode::decode_hello(in)) check(found == wire_protocol::hello);

  const std::error_code error = protocol::other_protocol(in);
  const bool is_expected = found == wire_protocol::other || found == wire_protocol::hello;
  check(is_expected != static_cast<bool>(error));
  check(is_expected || error == protocol::wrong_protocol(found));
}

/// Checks that the errors of all protocols differ, and so do their texts, which are one line each.
inline void check_protocol_errors() {
  using protocol::wire_protocol;
  const std::error_category& category = protocol::wire_protocol_category();
  check(category.name() == std::string("rathole.peer"));
  std::vector<std::string> texts = {category.message(static_cast<int>(wire_protocol::other))};
  for (const wire_protocol each :
       {wire_protocol::tls, wire_protocol::http, wire_protocol::hello, wire_protocol::noise}) {
    const std::error_code error = protocol::wrong_protocol(each);
    check(error && error.category() == category);
    check(std::ranges::find(texts, error.message()) == texts.end());
    texts.push_back(error.message());
  }
  for (const std::string& each : texts) check(!each.empty() && !each.contains('\n'));
}

}  // namespace rathole::fuzz
