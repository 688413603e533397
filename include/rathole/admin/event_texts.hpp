#pragma once

#include <rathole/admin/event_data.hpp>
#include <rathole/admin/event_record.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace rathole::admin {

/// The last events as the fields of server-sent events (HTML standard, section 9.2), made once for all who
/// read them. One thread uses it.
class event_texts {
 public:
  /// Returns the text of an event, with the empty line that ends it.
  std::string of(const event_record& what) {
    const std::uint64_t end = first_ + texts_.size();
    if (what.id >= first_ && what.id < end) return texts_[what.id - first_];
    std::string text = made(what);
    // A reader that is behind gets its own, so that those who follow keep theirs.
    if (what.id < first_) return text;
    if (what.id > end) texts_.clear();
    if (texts_.size() == capacity) texts_.pop_front();
    texts_.push_back(text);
    first_ = what.id + 1 - texts_.size();
    return text;
  }

 private:
  static constexpr std::size_t capacity = 256;

  static std::string made(const event_record& what) {
    std::string out = "id: " + std::to_string(what.id) + "\nevent: ";
    out += what.name;
    out += "\ndata: ";
    append_event_data(out, what);
    out += "\n\n";
    return out;
  }

  /// The number of the first event in `texts_`.
  std::uint64_t first_ = 1;
  std::deque<std::string> texts_;
};

}  // namespace rathole::admin
