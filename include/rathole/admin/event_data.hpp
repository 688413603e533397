#pragma once

#include <rathole/admin/event_record.hpp>
#include <rathole/text/json.hpp>
#include <rathole/text/utc.hpp>

#include <array>
#include <charconv>
#include <string>
#include <string_view>

namespace rathole::admin {

/// Writes the members of a JSON object. There may be thousands of events in a second, so their data is
/// written without making the object first.
class member_writer {
 public:
  /// Begins an object at the end of `out`, which must outlive the writer.
  explicit member_writer(std::string& out) : out_(out) { out_ += '{'; }

  /// Writes a text, unless it is empty.
  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    begin(name);
    text::append_json_string(out_, value);
  }
  /// Writes a number.
  template <class T>
  void number(std::string_view name, T value) {
    begin(name);
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out_.append(digits.data(), end.ptr);
  }
  /// Writes `null`.
  void null(std::string_view name) {
    begin(name);
    out_ += "null";
  }
  /// Ends the object.
  void end() { out_ += '}'; }

 private:
  void begin(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }

  std::string& out_;
};

/// Appends the data of an event to `out`: a JSON object of its members that are not empty or 0.
inline void append_event_data(std::string& out, const event_record& of) {
  const bool is_of_visitor = of.name == "connection_started" || of.name == "connection_ended" ||
                             of.name == "visitor_refused";
  member_writer members(out);
  members.text("time", text::utc(of.at));
  members.text("service", of.service);
  members.text(is_of_visitor ? "visitor" : "address", of.address);
  if (of.connection != 0) members.number("id", of.connection);
  if (of.name == "connection_ended") {
    members.number("received", of.received);
    members.number("sent", of.sent);
    members.number("seconds", of.seconds);
    if (of.detail.empty()) members.null("error");
    members.text("error", of.detail);
  } else {
    if (of.received != 0) members.number("count", of.received);
    members.text("detail", of.detail);
  }
  members.end();
}

}  // namespace rathole::admin
