#pragma once

#include <rathole/app/log/access_log.hpp>
#include <rathole/app/log/filter.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/config/types.hpp>

#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::app {

/// What was found when the settings of logs were used, as texts for users.
struct log_report {
  /// What is doubtful.
  std::vector<std::string> warnings = {};
  /// What cannot be used, so that things stay as they were.
  std::vector<std::string> errors = {};
};

/// Writes the log and the access log to where the configuration says. Lives on the control plane.
class log_outputs {
 public:
  /// Makes an object for `lines`, which must outlive it. `form` replaces `log_format` of the file, if
  /// it is given.
  explicit log_outputs(logger& lines, std::optional<config::log_form> form = std::nullopt)
      : lines_(lines), form_(form) {}

  /// Uses `settings` from now on. The variables RATHOLE_LOG and RUST_LOG replace the filter.
  log_report apply(const config::log_settings& settings) {
    log_report report;
    const char* const filter = settings.filter ? settings.filter->c_str() : nullptr;
    log_setting next =
        read_log_setting(std::getenv("RATHOLE_LOG"), std::getenv("RUST_LOG"), filter);
    lines_.set_filter(std::move(next.filter));
    if (!next.warning.empty()) report.warnings.push_back(std::move(next.warning));
    const bool json = form_.value_or(settings.form) == config::log_form::json;
    const log_destination to{.file = settings.file, .json = json};
    if (to != destination_) {
      const auto redirected = lines_.redirect(to);
      if (redirected) destination_ = to;
      note("log", to.file, redirected, report.errors);
    }
    const log_destination access{.file = settings.access, .json = json};
    if (access != access_destination_) {
      const auto opened = access.file ? access_.open(*access.file, json) : result<void>();
      if (opened && !access.file) access_.close();
      if (opened) access_destination_ = access;
      note("access log", access.file, opened, report.errors);
    }
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

 private:
  static void note(const std::string& what, const std::optional<std::string>& file,
                   const result<void>& outcome, std::vector<std::string>& problems) {
    if (outcome) return;
    problems.push_back("Cannot write the " + what + " to " +
                       (file ? '"' + printable(*file) + '"' : std::string("standard output")) +
                       ": " + outcome.error().message());
  }

  logger& lines_;
  const std::optional<config::log_form> form_;
  log_destination destination_;
  access_log access_;
  log_destination access_destination_;
};

}  // namespace rathole::app
