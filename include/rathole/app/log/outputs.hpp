#pragma once

#include <rathole/app/log/access_log.hpp>
#include <rathole/app/log/filter.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/output_file.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::app {

/// What was found when the settings of logs were used, as texts for users.
struct log_report {
  /// What is doubtful.
  std::vector<std::string> warnings = {};
  /// What cannot be used, so that things stay as they were.
  std::vector<config::problem> errors = {};
};

/// Writes the log and the access log to where the configuration says. Lives on the control plane.
class log_outputs {
 public:
  /// Makes an object for `lines`, which must outlive it. `form` replaces `log_format` of the file, if
  /// it is given.
  explicit log_outputs(logger& lines, std::optional<config::log_form> form = std::nullopt)
      : lines_(lines), form_(form) {}

  /// Uses `settings` from now on, or reports why not. The variables RATHOLE_LOG and RUST_LOG replace the
  /// filter.
  log_report apply(const config::log_settings& settings) {
    log_report report{.errors = problems_of(settings)};
    if (!report.errors.empty()) return report;
    const bool json = form_.value_or(settings.form) == config::log_form::json;
    const log_destination to{.file = settings.file, .json = json};
    if (to != destination_) {
      const auto redirected = lines_.redirect(to);
      if (redirected) destination_ = to;
      if (!redirected) report.errors.push_back(unwritable("log_file", redirected.error()));
    }
    const log_destination access{.file = settings.access, .json = json};
    if (access != access_destination_) {
      const auto opened = access.file ? access_.open(*access.file, json) : result<void>();
      if (opened && !access.file) access_.close();
      if (opened) access_destination_ = access;
      if (!opened) report.errors.push_back(unwritable("access_log", opened.error()));
    }
    if (!report.errors.empty()) return report;
    // A level that was set meanwhile stays until this one changes.
    const bool is_first = !std::exchange(is_applied_, true);
    if (std::exchange(filter_, settings.filter) == settings.filter && !is_first) return report;
    const char* const filter = settings.filter ? settings.filter->c_str() : nullptr;
    log_setting next =
        read_log_setting(std::getenv("RATHOLE_LOG"), std::getenv("RUST_LOG"), filter);
    lines_.set_filter(std::move(next.filter));
    level_ = std::move(next.text);
    if (!next.warning.empty()) report.warnings.push_back(std::move(next.warning));
    return report;
  }

  /// Opens the files again, after another program has renamed them. Returns what is wrong, a text
  /// each; the lines then go on to the old file.
  std::vector<std::string> reopen() {
    std::vector<std::string> problems;
    note("log", destination_.file, lines_.reopen(), problems);
    note("access log", access_destination_.file, access_.reopen(), problems);
    return problems;
  }

  /// Returns the filter of the log as text.
  [[nodiscard]] const std::string& level() const { return level_; }
  /// Replaces the filter of the log until `apply` is called again; returns false if `text` is malformed.
  bool set_level(std::string_view text) {
    auto filter = log_filter::parse(text);
    if (!filter) return false;
    lines_.set_filter(std::move(*filter));
    level_ = text;
    return true;
  }

  /// Returns the log.
  [[nodiscard]] logger& lines() { return lines_; }
  /// Returns the access log, an observer.
  [[nodiscard]] access_log& access() { return access_; }

  /// Waits until what was written so far has reached the system, but no longer than
  /// `line_writer::flush_timeout` for each log. Must be called before the process ends without
  /// destroying the logs.
  void flush() {
    lines_.flush();
    access_.flush();
  }

  /// Returns which files of `settings` cannot be written, as far as that can be known without making them.
  static std::vector<config::problem> problems_of(const config::log_settings& settings) {
    std::vector<config::problem> out;
    const auto check = [&out](const char* key, const std::optional<std::string>& path) {
      if (!path) return;
      if (const auto usable = output_file::check(*path); !usable) {
        out.push_back(unwritable(key, usable.error()));
      }
    };
    check("log_file", settings.file);
    check("access_log", settings.access);
    return out;
  }

 private:
  static config::problem unwritable(const char* key, std::error_code why) {
    return {.key = key,
            .what = "the file cannot be written: " + why.message(),
            .remedy = "create its folder, correct the permissions, or name another file"};
  }

  static void note(const std::string& what, const std::optional<std::string>& file,
                   const result<void>& outcome, std::vector<std::string>& problems) {
    if (outcome) return;
    problems.push_back("Cannot write the " + what + " to " +
                       (file ? '"' + printable(*file) + '"' : std::string("standard output")) +
                       ": " + outcome.error().message());
  }

  logger& lines_;
  const std::optional<config::log_form> form_;
  std::string level_ = "info";
  /// Whether there were settings, and `log` of the last ones.
  bool is_applied_ = false;
  std::optional<std::string> filter_;
  log_destination destination_;
  access_log access_;
  log_destination access_destination_;
};

}  // namespace rathole::app
