#pragma once

#include "check.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/http/head_reader.hpp>
#include <rathole/http/head_writer.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace rathole::fuzz {

/// The result of reading an input.
struct head_reading {
  std::optional<http::head> head = {};
  std::size_t taken = 0;
  std::error_code error;
  bool operator==(const head_reading&) const = default;
};

/// Reads a head in pieces of at most `piece` bytes, or of as many as are wanted if that is 0.
inline head_reading read_head(byte_view in, std::size_t piece) {
  http::head_reader reader;
  head_reading out;
  while (!in.empty() && !reader.done()) {
    check(reader.wanted() > 0);
    const std::size_t most = std::min(piece == 0 ? reader.wanted() : piece, in.size());
    const auto taken = reader.feed(in.first(most));
    if (!taken) {
      check(reader.wanted() == 0 && reader.feed(in).error() == taken.error());
      return {.error = taken.error()};
    }
    // The wanted bytes belong to the head.
    check(*taken == most || (piece != 0 && reader.done()));
    out.taken += *taken;
    in = in.subspan(*taken);
  }
  if (reader.done()) out.head = reader.head();
  return out;
}

/// Checks that any split of the bytes gives the same head, and that the head is written as text
/// that reads the same.
inline void check_head(byte_view in, std::size_t piece) {
  const head_reading whole = read_head(in, in.size() + 1);
  check(read_head(in, 1) == whole && read_head(in, 0) == whole && read_head(in, piece) == whole);
  if (!whole.head) return;
  const http::head& head = *whole.head;
  check(head.fields.size() <= http::head_reader::max_fields);

  byte_buffer again;
  const auto request = http::parse_request_line(head.start_line);
  if (!request || request->minor != 1) return;
  check(http::is_token(request->method) && http::is_target(request->target));
  check(!http::parse_status_line(head.start_line));
  auto writer = http::head_writer::request(again, request->method, request->target);
  for (const http::field& each : head.fields) {
    check(http::is_token(each.name) && http::is_field_value(each.value));
    check(head.has(each.name));
    writer.field(each.name, each.value);
  }
  writer.finish();
  // Blanks around values are normalized, which may make a line longer.
  const head_reading reread = read_head(again.data(), 0);
  check(reread.error == errc::message_too_long || reread.head == whole.head);
}

}  // namespace rathole::fuzz
