#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

namespace rathole::app {

/// The width of a terminal that does not say it, in columns.
inline constexpr std::size_t default_terminal_width = 80;

/// Returns the number that `text`, a value of the variable COLUMNS, is; nothing if it is none.
inline std::optional<std::size_t> parse_columns(std::string_view text) {
  std::size_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || out == 0) return {};
  return out;
}

/// Returns the width of the terminal that `descriptor` is, in columns; nothing if it is no terminal.
inline std::optional<std::size_t> terminal_width(int descriptor) {
  if (::isatty(descriptor) != 1) return std::nullopt;
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* const columns = std::getenv("COLUMNS");
  return parse_columns(columns ? columns : "").value_or(default_terminal_width);
}

}  // namespace rathole::app
