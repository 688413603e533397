#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/http/status.hpp>

#include <string>
#include <string_view>

namespace rathole::http {

/// Appends one message head to a buffer: the first line at construction, then the fields in order,
/// then the end by `finish`. It writes its arguments unchanged; the caller must make sure that they
/// are valid.
class head_writer {
 public:
  /// Begins with `METHOD target HTTP/1.1`.
  static head_writer request(byte_buffer& out, std::string_view method, std::string_view target) {
    head_writer head(out);
    head.put(method).put(" ").put(target).put(" HTTP/1.1\r\n");
    return head;
  }

  /// Begins with `HTTP/1.1 status reason`, with the standard reason phrase.
  static head_writer response(byte_buffer& out, int status) {
    head_writer head(out);
    head.put("HTTP/1.1 ").put(std::to_string(status)).put(" ");
    head.put(reason_phrase(status)).put("\r\n");
    return head;
  }

  /// Appends a field.
  head_writer& field(std::string_view name, std::string_view value) {
    return put(name).put(": ").put(value).put("\r\n");
  }

  /// Appends the empty line that ends the head.
  void finish() { put("\r\n"); }

 private:
  explicit head_writer(byte_buffer& out) : out_(&out) {}

  head_writer& put(std::string_view text) {
    out_->append(byte_view_of(text));
    return *this;
  }

  byte_buffer* out_;
};

}  // namespace rathole::http
