#pragma once

#include <rathole/core/utf8.hpp>
#include <rathole/text/escape.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::app {

/// Returns a number of bytes with a unit, such as `1.5 GiB`.
inline std::string bytes_text(std::uint64_t value) {
  static constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (value < 1024) return std::to_string(value) + " B";
  auto scaled = static_cast<double>(value);
  std::size_t unit = 0;
  while (scaled >= 999.5 && unit + 1 < units.size()) {
    scaled /= 1024;
    ++unit;
  }
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), scaled < 9.95 ? "%.1f %s" : "%.0f %s", scaled,
                units[unit]);
  return text.data();
}

/// Returns a time in seconds with the one or two largest units, such as `1 d 3 h` or `12 s`.
inline std::string age_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(seconds, 0.0));
  const auto two = [](std::uint64_t more, const char* unit, std::uint64_t less, const char* other) {
    std::string out = std::to_string(more) + ' ' + unit;
    if (less > 0) out += ' ' + std::to_string(less) + ' ' + other;
    return out;
  };
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return two(whole / 60, "min", whole % 60, "s");
  if (whole < 86'400) return two(whole / 3600, "h", whole % 3600 / 60, "min");
  return two(whole / 86'400, "d", whole % 86'400 / 3600, "h");
}

/// A table of texts, which can be made to fit into a terminal.
class text_table {
 public:
  /// A column.
  struct column {
    /// Its heading.
    std::string heading = {};
    /// Whether its texts are aligned at the right.
    bool right = false;
    /// Which columns are shortened first if the table is too wide: those with the smallest number. One
    /// with 0 is never shortened.
    int shrink_order = 0;
  };

  /// Makes a table without rows.
  explicit text_table(std::vector<column> columns) : columns_(std::move(columns)) {}

  /// Adds a row, with a text for each column.
  void add(std::vector<std::string> row) {
    for (std::string& each : row) each = shortened(text::printable(each), most);
    rows_.push_back(std::move(row));
  }

  /// Returns the lines: headings, then the rows. Columns are shortened so that a line has at most
  /// `max_width` characters, if that is possible; without it nothing is shortened.
  [[nodiscard]] std::string text(std::optional<std::size_t> max_width) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) widths.push_back(width_of(i));
    if (max_width) shrink(widths, *max_width);
    std::vector<std::string> headings;
    for (const column& each : columns_) headings.push_back(each.heading);
    std::string out = line(headings, widths);
    for (const auto& row : rows_) out += line(row, widths);
    return out;
  }

 private:
  static constexpr std::size_t gap = 2;
  /// No column becomes narrower.
  static constexpr std::size_t least = 8;
  /// No column is wider, so that one text cannot make every row long.
  static constexpr std::size_t most = 300;

  /// Returns the number of characters.
  static std::size_t length(std::string_view text) {
    std::size_t count = 0;
    for (; !text.empty(); ++count) {
      if (!take_character(text)) text.remove_prefix(1);
    }
    return count;
  }

  [[nodiscard]] std::size_t width_of(std::size_t place) const {
    std::size_t out = length(columns_[place].heading);
    for (const auto& row : rows_) out = std::max(out, length(row[place]));
    return out;
  }

  /// Narrows columns in their order, of several with the same number the widest, until the table fits.
  void shrink(std::vector<std::size_t>& widths, std::size_t max_width) const {
    std::size_t total = gap * (widths.size() - 1);
    for (const std::size_t each : widths) total += each;
    for (; total > max_width; --total) {
      const auto best = next_to_shrink(widths);
      if (!best) return;
      --widths[*best];
    }
  }

  [[nodiscard]] std::optional<std::size_t> next_to_shrink(
      const std::vector<std::size_t>& widths) const {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const int order = columns_[i].shrink_order;
      if (order == 0 || widths[i] <= least) continue;
      const bool is_better = !best || order < columns_[*best].shrink_order ||
                             (order == columns_[*best].shrink_order && widths[i] > widths[*best]);
      if (is_better) best = i;
    }
    return best;
  }

  /// Returns `text` with at most `width` characters; a longer one ends in "...".
  static std::string shortened(std::string_view text, std::size_t width) {
    if (length(text) <= width) return std::string(text);
    std::string out;
    for (std::size_t count = 0; count + 3 < width && !text.empty(); ++count) {
      const std::string_view before = text;
      if (!take_character(text)) text.remove_prefix(1);
      out += before.substr(0, before.size() - text.size());
    }
    return out + "...";
  }

  [[nodiscard]] std::string line(const std::vector<std::string>& row,
                                 const std::vector<std::size_t>& widths) const {
    std::string out;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = shortened(row[i], widths[i]);
      const std::string space(widths[i] - std::min(widths[i], length(cell)), ' ');
      if (i > 0) out.append(gap, ' ');
      out += columns_[i].right ? space + cell : cell + space;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + '\n';
  }

  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace rathole::app
