#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/http/status.hpp>

#include <string>
#include <string_view>

namespace rathole::http {

/// Appends one head to a buffer: the first line at construction, then its fields in order, then
/// `finish`. What it is given is written as it is.
class head_writer {
 public:
  /// `METHOD target HTTP/1.1`.
  static head_writer request(byte_buffer& out, std::string_view method, std::string_view target) {
    head_writer head(out);
    head.put(method).put(" ").put(target).put(" HTTP/1.1\r\n");
    return head;
  }

  /// `HTTP/1.1 status reason`, with the usual reason.
  static head_writer response(byte_buffer& out, int status) {
    head_writer head(out);
    head.put("HTTP/1.1 ").put(std::to_string(status)).put(" ");
    head.put(reason_phrase(status)).put("\r\n");
    return head;
  }

  head_writer& field(std::string_view name, std::string_view value) {
    return put(name).put(": ").put(value).put("\r\n");
  }

  /// The blank line behind the fields.
  void finish() { put("\r\n"); }

 private:
  explicit head_writer(byte_buffer& out) : out_(&out) {}

  head_writer& put(std::string_view text) {
    out_->append({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    return *this;
  }

  byte_buffer* out_;
};

}  // namespace rathole::http
