#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rathole::app {

/// An event of the admin API's stream of events (HTML Living Standard, section 9.2).
struct received_event {
  /// The number of the event; 0 if it has none.
  std::uint64_t id = 0;
  /// The name.
  std::string name = {};
  /// The data.
  std::string data = {};
};

/// Removes the first complete event from `text` and returns it; nothing if there is none. Comments are
/// dropped.
inline std::optional<received_event> take_received_event(std::string& text) {
  for (;;) {
    const auto end = text.find("\n\n");
    if (end == std::string::npos) return std::nullopt;
    std::string_view rest = std::string_view(text).substr(0, end);
    received_event out;
    while (!rest.empty()) {
      const auto stop = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, stop);
      rest.remove_prefix(std::min(stop + 1, rest.size()));
      if (line.starts_with("id: ")) {
        const std::string_view digits = line.substr(4);
        std::from_chars(digits.data(), digits.data() + digits.size(), out.id);
      }
      if (line.starts_with("event: ")) out.name = line.substr(7);
      if (line.starts_with("data: ")) out.data = line.substr(6);
    }
    text.erase(0, end + 2);
    if (!out.data.empty()) return out;
  }
}

}  // namespace rathole::app
