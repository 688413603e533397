#pragma once

#include <rathole/app/log/filter.hpp>
#include <rathole/app/log/journal.hpp>
#include <rathole/text/json.hpp>

#include <spdlog/details/os.h>
#include <spdlog/pattern_formatter.h>

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::app {

/// The form of log lines.
enum class log_format {
  /// The time, the level and the message.
  plain,
  /// As `plain`, with colours for a terminal.
  coloured,
  /// The priority, the level and the message for the journal, which adds the time itself.
  journal,
  /// A JSON object (RFC 8259) a line, with `time`, `level`, `target`, `context` if there is one, and
  /// `message`.
  json
};

/// The longest line of a log, in bytes; a longer one is cut.
inline constexpr std::size_t max_log_line = std::size_t{8} << 10;

namespace detail {

/// Separates the parts of a line in what is passed to spdlog; escaped text does not contain it.
inline constexpr char part_separator = '\x1f';

/// The parts of a log line.
struct line_parts {
  /// What the line is about; may be empty.
  std::string_view context;
  /// The module that logs.
  std::string_view target;
  /// What happened.
  std::string_view message;
};

/// Returns the text of a line for `parts_of`.
inline std::string joined(const line_parts& parts) {
  std::string out;
  for (const std::string_view each : {parts.context, parts.target}) {
    out.append(each) += part_separator;
  }
  return out.append(parts.message);
}

/// Returns the parts of a line from `joined`; of any other text, the whole as its message.
inline line_parts parts_of(std::string_view text) {
  const auto first = text.find(part_separator);
  const auto second = first == text.npos ? first : text.find(part_separator, first + 1);
  if (second == text.npos) return {{}, "rathole", text};
  return {text.substr(0, first), text.substr(first + 1, second - first - 1),
          text.substr(second + 1)};
}

/// The display of a level.
struct level_style {
  /// The word, right-aligned to five letters. Compat: as in upstream.
  std::string_view word;
  /// The escape sequence of the colour.
  std::string_view colour;
  /// The prefix for the journal (sd-daemon(3)).
  std::string_view priority;
  /// The word in JSON.
  std::string_view name;
};

/// Returns the style of a level.
inline level_style style_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace: return {"TRACE", "\033[37m", "<7>", "trace"};
    case spdlog::level::debug: return {"DEBUG", "\033[36m", "<7>", "debug"};
    case spdlog::level::info: return {" INFO", "\033[32m", "<6>", "info"};
    case spdlog::level::warn: return {" WARN", "\033[33m\033[1m", "<4>", "warn"};
    default: return {"ERROR", "\033[31m\033[1m", "<3>", "error"};
  }
}

/// Formats the level of a line.
class level_flag final : public spdlog::custom_flag_formatter {
 public:
  /// Makes a formatter for lines of `form`.
  explicit level_flag(log_format form) : form_(form) {}

  /// Appends the level of `line` to `out`.
  void format(const spdlog::details::log_msg& line, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const auto add = [&out](std::string_view text) {
      out.append(text.data(), text.data() + text.size());
    };
    const level_style style = style_of(line.level);
    if (form_ == log_format::json) return add(style.name);
    if (form_ == log_format::journal) add(style.priority);
    if (form_ == log_format::coloured) add(style.colour);
    const bool is_aligned = form_ != log_format::journal;
    add(is_aligned ? style.word : style.word.substr(style.word.find_first_not_of(' ')));
    if (form_ == log_format::coloured) add("\033[m");
  }
  /// Returns a copy.
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<level_flag>(form_);
  }

 private:
  const log_format form_;
};

/// Formats what a line says, after its level.
class parts_flag final : public spdlog::custom_flag_formatter {
 public:
  /// Makes a formatter for lines of `form`.
  explicit parts_flag(log_format form) : form_(form) {}

  /// Appends the parts of `line` to `out`.
  void format(const spdlog::details::log_msg& line, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const line_parts parts = parts_of({line.payload.data(), line.payload.size()});
    const std::string text = form_ == log_format::json ? members(parts) : phrase(parts);
    out.append(text.data(), text.data() + text.size());
  }
  /// Returns a copy.
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<parts_flag>(form_);
  }

 private:
  /// The longest context and target in JSON, in bytes.
  static constexpr std::size_t max_part = 1024;
  /// The longest message in JSON, in bytes; with all the rest a line has at most `max_log_line`.
  static constexpr std::size_t max_message = max_log_line - 3 * max_part;

  static std::string phrase(const line_parts& parts) {
    std::string out;
    for (const std::string_view each : {parts.context, parts.target}) {
      if (!each.empty()) out.append(each).append(": ");
    }
    return out.append(parts.message);
  }

  static std::string members(const line_parts& parts) {
    std::string out = "\"target\":";
    text::append_json_string(out, parts.target, max_part);
    if (!parts.context.empty()) {
      out += ",\"context\":";
      text::append_json_string(out, parts.context, max_part);
    }
    out += ",\"message\":";
    text::append_json_string(out, parts.message, max_message);
    return out;
  }

  const log_format form_;
};

/// Returns spdlog's pattern for lines of `form`.
inline const char* pattern_of(log_format form) {
  switch (form) {
    case log_format::journal: return "%* %v";
    case log_format::json: return R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%*",%v})";
    default: return "%Y-%m-%dT%H:%M:%S.%fZ %* %v";
  }
}

}  // namespace detail

/// Returns the formatter for lines of `form`: the time in UTC with microseconds, the level, and the
/// message. For the journal, the priority of the level (sd-daemon(3)) replaces the time. Compat:
/// upstream's layout, except for JSON.
inline std::unique_ptr<spdlog::formatter> make_layout(log_format form) {
  auto layout = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  layout->add_flag<detail::level_flag>('*', form);
  layout->add_flag<detail::parts_flag>('v', form);
  layout->set_pattern(detail::pattern_of(form));
  return layout;
}

/// Returns the form for standard output: the journal's if it leads there, with colours on a
/// terminal unless NO_COLOR is set to something, and otherwise plain.
inline log_format standard_output_format() {
  if (is_journal(STDOUT_FILENO, std::getenv("JOURNAL_STREAM"))) return log_format::journal;
  const char* const no_color = std::getenv("NO_COLOR");
  const bool is_plain = no_color != nullptr && *no_color != '\0';
  const bool is_terminal =
      spdlog::details::os::in_terminal(stdout) && spdlog::details::os::is_color_terminal();
  return is_terminal && !is_plain ? log_format::coloured : log_format::plain;
}

}  // namespace rathole::app
