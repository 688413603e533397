#pragma once

#include <rathole/app/log/text.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::app {

/// The severity of a log line, in increasing order.
enum class log_level {
  /// Every step, for a developer.
  trace,
  /// The decisions of the program, to find a fault.
  debug,
  /// What an operator wants to read of normal operation.
  info,
  /// A problem that the program copes with.
  warn,
  /// A failure that needs a correction.
  error,
  /// A threshold that no line reaches.
  off
};

/// Decides which log lines are written. The text form is a comma-separated list of `level`,
/// `target=level` and `target`. A target is a module path such as `rathole` or `rathole::client`
/// and includes the modules below it; the longest matching one decides. Levels are words in any
/// case, or numbers from 0 (off) to 5 (trace). A target alone means trace. Lines that no directive
/// covers must be errors.
///
/// Compat: the part of tracing-subscriber's env-filter syntax without spans and fields.
class log_filter {
 public:
  /// Makes a filter that passes lines of `level` and above.
  explicit log_filter(log_level level = log_level::info) : other_(level) {}

  /// Parses the text form; returns nothing if it is malformed. A target alone must be `rathole` or
  /// below it, so that a misspelt level is detected.
  static std::optional<log_filter> parse(std::string_view text) {
    log_filter filter(log_level::error);
    while (!text.empty()) {
      const auto comma = std::min(text.find(','), text.size());
      const auto part = trim(text.substr(0, comma));
      if (!part.empty() && !filter.add(part)) return std::nullopt;
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return filter;
  }

  /// Returns whether a line of `level` from `target` is written.
  [[nodiscard]] bool enabled(log_level level, std::string_view target) const {
    log_level threshold = other_;
    std::size_t longest = 0;
    for (const auto& [path, wanted] : targets_) {
      if (!covers(path, target) || path.size() < longest) continue;
      threshold = wanted;
      longest = path.size();
    }
    return level >= threshold && threshold != log_level::off;
  }

 private:
  static std::string_view trim(std::string_view text) {
    const auto first = std::min(text.find_first_not_of(" \t"), text.size());
    const auto last = text.find_last_not_of(" \t");
    return text.substr(first, last + 1 - first);
  }

  static std::optional<log_level> read_level(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, log_level>, 13> words{{
        {"trace", log_level::trace},
        {"debug", log_level::debug},
        {"info", log_level::info},
        {"warn", log_level::warn},
        {"warning", log_level::warn},
        {"error", log_level::error},
        {"off", log_level::off},
        {"5", log_level::trace},
        {"4", log_level::debug},
        {"3", log_level::info},
        {"2", log_level::warn},
        {"1", log_level::error},
        {"0", log_level::off},
    }};
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const auto& [word, level] : words) {
      if (word == lower) return level;
    }
    return std::nullopt;
  }

  static bool is_path(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '-' || c == ':' || c == '.';
    });
  }

  static bool covers(std::string_view path, std::string_view target) {
    return target == path ||
           (target.starts_with(path) && target.substr(path.size()).starts_with("::"));
  }

  bool add(std::string_view directive) {
    if (const auto level = read_level(directive)) {
      other_ = *level;
      return true;
    }
    const auto sign = directive.find('=');
    const auto path = trim(directive.substr(0, sign));
    if (!is_path(path)) return false;
    if (sign == directive.npos) {
      if (!covers("rathole", path)) return false;
      targets_.emplace_back(path, log_level::trace);
      return true;
    }
    const auto level = read_level(trim(directive.substr(sign + 1)));
    if (!level) return false;
    targets_.emplace_back(path, *level);
    return true;
  }

  log_level other_;
  std::vector<std::pair<std::string, log_level>> targets_;
};

/// A log filter, and a warning about its setting.
struct log_setting {
  /// The filter.
  log_filter filter = log_filter();
  /// The filter as text.
  std::string text = "info";
  /// Why the filter is not the one in the setting; empty if it is.
  std::string warning = {};
};

/// Returns the log filter from the variable RATHOLE_LOG, from RUST_LOG, or from the configuration's
/// `log`; each may be null. The first that is not empty decides. If there is none, or it is
/// malformed, the level is info. Compat: as in upstream, which does not warn of a malformed one.
inline log_setting read_log_setting(const char* rathole_log, const char* rust_log,
                                    const char* configured = nullptr) {
  const std::array<std::pair<const char*, const char*>, 3> sources = {
      {{"RATHOLE_LOG", rathole_log}, {"RUST_LOG", rust_log}, {"log", configured}}};
  for (const auto& [name, value] : sources) {
    if (value == nullptr || *value == '\0') continue;
    if (auto filter = log_filter::parse(value)) return {std::move(*filter), value, {}};
    return {log_filter(), "info",
            std::string("Cannot read ") + name + "=\"" + escape(value) +
                "\", logging at info; write trace, debug, info, warn, error, off or "
                "directives such as rathole::client=debug"};
  }
  return {};
}

}  // namespace rathole::app
