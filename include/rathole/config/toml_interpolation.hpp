#pragma once

#include <rathole/config/interpolation.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/toml.hpp>
#include <rathole/config/toml_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// Replaces the variables in all strings of a configuration, not in its keys; see `interpolate`. Their
/// values come from `surroundings::variables`.
class toml_interpolation {
 public:
  /// Makes an object that reports problems to `log`, which must outlive it.
  explicit toml_interpolation(problem_log& log) : log_(log) {}

  /// Replaces the variables in the strings of `root`, the table of a whole file.
  void apply(toml::table& root) { apply(root, ""); }

 private:
  void apply(toml::table& table, const std::string& path) {
    for (auto&& [key, node] : table) apply(node, key_path(path, key.str()));
  }

  void apply(toml::node& node, const std::string& path) {
    if (auto* const table = node.as_table()) return apply(*table, path);
    if (auto* const text = node.as_string()) {
      replace(*text, path);
      return;
    }
    auto* const array = node.as_array();
    if (!array) return;
    for (toml::node& each : *array) {
      auto* const text = each.as_string();
      if (!text) {
        apply(each, path);
      } else if (!replace(*text, path)) {
        log_.add_no_more(log_.place(array->source()));
      }
    }
  }

  /// Returns false if there is a problem.
  bool replace(toml::value<std::string>& text, const std::string& path) {
    if (!text.get().contains("${")) return true;
    const std::size_t most = std::min(limits::interpolated_size, left_);
    auto made = interpolate(text.get(), log_.around().variables, most);
    if (!made) {
      report(text, path, made.error());
      return false;
    }
    left_ -= made->size();
    text.get() = std::move(*made);
    return true;
  }

  void report(const toml::value<std::string>& text, const std::string& path,
              const interpolation_error& error) {
    using kind = interpolation_error::kind;
    const std::string variable = "the environment variable `" + error.name + '`';
    const auto add = [&](std::string what, std::string remedy) {
      const position start = log_.place(text.source());
      log_.add(place_in(text, error.at), path, std::move(what), std::move(remedy));
      log_.add_no_more(start);
    };
    switch (error.what) {
      case kind::malformed:
        return add("`${` does not begin a variable such as `${NAME}` or `${NAME:-default}`",
                   "write `$${` for the characters `${`");
      case kind::unset:
        return add(variable + " is not set",
                   "set it, or write a default as in `${" + error.name +
                       ":-default}`; `$${` stands for the characters `${`");
      case kind::not_utf8: return add(variable + " is not UTF-8", "give it another value");
      case kind::too_long:
        return add("the text is too long with the values of its variables",
                   "shorten them: a text has at most " + std::to_string(limits::interpolated_size) +
                       " bytes, and all of them together 16 MiB");
    }
  }

  /// Returns the position of the byte `offset` of `text`; that of its beginning if the file has the text
  /// in several lines or with escapes.
  [[nodiscard]] position place_in(const toml::value<std::string>& text, std::size_t offset) const {
    const auto characters = [](std::string_view of) {
      return static_cast<std::uint32_t>(std::ranges::count_if(
          of, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    };
    const toml::source_region& region = text.source();
    position out = log_.place(region);
    const std::uint32_t quotes = 2;
    if (region.begin.line == region.end.line &&
        region.end.column - region.begin.column == characters(text.get()) + quotes) {
      out.column += 1 + characters(std::string_view(text.get()).substr(0, offset));
    }
    return out;
  }

  problem_log& log_;
  /// How many bytes all texts with variables may still have.
  std::size_t left_ = limits::file_size;
};

}  // namespace rathole::config
