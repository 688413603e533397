#pragma once

#include <rathole/app/log/filter.hpp>
#include <rathole/app/log/journal.hpp>

#include <spdlog/details/os.h>
#include <spdlog/pattern_formatter.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
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
  journal
};

namespace detail {

/// The display of a level.
struct level_style {
  /// The word, right-aligned to five letters. Compat: as in upstream.
  std::string_view word;
  /// The escape sequence of the colour.
  std::string_view colour;
  /// The prefix for the journal (sd-daemon(3)).
  std::string_view priority;
};

/// Returns the style of a level.
inline level_style style_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace: return {"TRACE", "\033[37m", "<7>"};
    case spdlog::level::debug: return {"DEBUG", "\033[36m", "<7>"};
    case spdlog::level::info: return {" INFO", "\033[32m", "<6>"};
    case spdlog::level::warn: return {" WARN", "\033[33m\033[1m", "<4>"};
    default: return {"ERROR", "\033[31m\033[1m", "<3>"};
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

}  // namespace detail

/// Returns the formatter for lines of `form`: the time in UTC with microseconds, the level, and the
/// message. For the journal, the priority of the level (sd-daemon(3)) replaces the time. Compat:
/// upstream's layout.
inline std::unique_ptr<spdlog::formatter> make_layout(log_format form) {
  auto layout = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  layout->add_flag<detail::level_flag>('*', form);
  layout->set_pattern(form == log_format::journal ? "%* %v" : "%Y-%m-%dT%H:%M:%S.%fZ %* %v");
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
