#pragma once

#include <rathole/app/log_filter.hpp>
#include <rathole/io/published.hpp>

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::app {

namespace detail {

/// Writes a level right-aligned to five letters, as upstream does.
class level_flag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view word = name(line.level);
    out.append(word.data(), word.data() + word.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<level_flag>();
  }

 private:
  static std::string_view name(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::trace: return "TRACE";
      case spdlog::level::debug: return "DEBUG";
      case spdlog::level::info: return " INFO";
      case spdlog::level::warn: return " WARN";
      default: return "ERROR";
    }
  }
};

inline spdlog::level::level_enum to_spdlog(log_level level) {
  switch (level) {
    case log_level::trace: return spdlog::level::trace;
    case log_level::debug: return spdlog::level::debug;
    case log_level::info: return spdlog::level::info;
    case log_level::warn: return spdlog::level::warn;
    case log_level::error: return spdlog::level::err;
    case log_level::off: break;
  }
  return spdlog::level::off;
}

}  // namespace detail

/// Standard output; colours only if it is a terminal and NO_COLOR is unset or empty.
inline spdlog::sink_ptr standard_output_sink() {
  const char* no_color = std::getenv("NO_COLOR");
  const bool plain = no_color != nullptr && *no_color != '\0';
  return std::make_shared<spdlog::sinks::ansicolor_stdout_sink_mt>(
      plain ? spdlog::color_mode::never : spdlog::color_mode::automatic);
}

/// The program's log: one line per message, written at once. Several threads may write.
///
/// A line is a UTC timestamp with microseconds, the level, the context with the module that speaks
/// (`target`), and the message, laid out as upstream does:
/// `2024-01-31T12:00:00.000000Z  INFO handle{service=web}: rathole::client: Control channel ...`.
class logger {
 public:
  explicit logger(log_filter filter, spdlog::sink_ptr sink = standard_output_sink())
      : filter_(std::move(filter)), lines_("rathole", std::move(sink)) {
    auto layout = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    layout->add_flag<detail::level_flag>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %^%*%$ %v");
    lines_.set_formatter(std::move(layout));
    lines_.set_level(spdlog::level::trace);
    lines_.flush_on(spdlog::level::trace);
  }

  /// Whether the filter wants such lines: what is told often need not be put into words if not.
  [[nodiscard]] bool wants(log_level level, std::string_view target) const {
    return filter_.load()->enabled(level, target);
  }

  /// What is wanted from now on.
  void set_filter(log_filter filter) { filter_.store(std::move(filter)); }

  /// Writes a line if the filter wants it. Texts of others in `context` and `message` went through
  /// `escape`. `context` may be empty.
  void write(log_level level, std::string_view target, std::string_view context,
             std::string_view message) {
    if (!wants(level, target)) return;
    std::string line;
    for (const std::string_view part : {context, target}) {
      if (!part.empty()) line.append(part).append(": ");
    }
    line.append(message);
    lines_.log(detail::to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

  /// The same without a context.
  void write(log_level level, std::string_view target, std::string_view message) {
    write(level, target, {}, message);
  }

 private:
  io::published<log_filter> filter_;
  spdlog::logger lines_;
};

}  // namespace rathole::app
