#pragma once

#include <rathole/app/log/filter.hpp>
#include <rathole/app/log/layout.hpp>
#include <rathole/app/log/line_writer.hpp>
#include <rathole/app/log/output_file.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/run/shared_value.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::app {

namespace detail {

/// Returns the level as spdlog names it.
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

/// Cuts `line` at a character to the longest line of a log, and returns it with its end.
inline std::string_view cut(spdlog::memory_buf_t& line) {
  if (line.size() > max_log_line) {
    constexpr std::string_view end = "...\n";
    std::size_t size = max_log_line - end.size();
    while (size > 0 && (static_cast<unsigned char>(line.data()[size]) & 0xc0) == 0x80) --size;
    line.resize(size);
    line.append(end.data(), end.data() + end.size());
  }
  return {line.data(), line.size()};
}

/// Passes lines of spdlog to a `line_writer`, so that no thread that logs waits for the reader.
class queued_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// Makes a sink that writes lines of the given form to standard output.
  explicit queued_sink(log_format form) : writer_(writer_to(STDOUT_FILENO, form, nullptr)) {
    formatter_ = make_layout(form);
  }

  /// Writes the following lines in the given form to `file`, or to standard output if it is null.
  /// Throws `std::system_error` if no thread can be started, and then changes nothing.
  void redirect(std::shared_ptr<const output_file> file, log_format form) {
    const int to = file ? file->descriptor() : STDOUT_FILENO;
    auto next = writer_to(to, form, std::move(file));
    auto layout = make_layout(form);
    {
      const std::lock_guard held(mutex_);
      writer_.swap(next);
      formatter_ = std::move(layout);
    }
    end_later(std::move(next));
  }

 private:
  static std::unique_ptr<line_writer> writer_to(int to, log_format form,
                                                std::shared_ptr<const output_file> owner) {
    const auto notice = [layout = std::shared_ptr(make_layout(form))](std::uint64_t count) {
      return dropped_line(*layout, count);
    };
    return std::make_unique<line_writer>(to, notice, std::move(owner));
  }

  void sink_it_(const spdlog::details::log_msg& message) override {
    try {
      spdlog::memory_buf_t line;
      formatter_->format(message, line);
      writer_->add(cut(line));
    } catch (const std::exception&) {
      writer_->add_dropped();
    }
  }
  void flush_() override { writer_->flush(line_writer::flush_timeout); }

  static std::string dropped_line(spdlog::formatter& layout, std::uint64_t count) {
    const std::string text = std::to_string(count) +
                             (count == 1 ? " log line was" : " log lines were") +
                             " dropped because the log could not be written";
    spdlog::memory_buf_t line;
    layout.format(spdlog::details::log_msg("rathole", spdlog::level::warn, text), line);
    return {line.data(), line.size()};
  }

  std::unique_ptr<line_writer> writer_;
};

}  // namespace detail

/// Where a log is written, and how.
struct log_destination {
  /// The file; standard output if there is none.
  std::optional<std::string> file = {};
  /// Whether lines are JSON objects.
  bool json = false;

  /// Compares all members.
  [[nodiscard]] bool operator==(const log_destination&) const = default;
};

/// Writes the program's log, one line per message. Several threads may write, and none of them
/// waits for the reader.
///
/// A line has a UTC timestamp with microseconds, the level, the context, the module that logs
/// (`target`) and the message. Compat: upstream's layout, `2024-01-31T12:00:00.000000Z  INFO
/// handle{service=web}: rathole::client: Control channel ...`.
class logger {
 public:
  /// Makes a log on standard output, in the form that fits it, which is written by a thread of its
  /// own. Throws `std::system_error` if no thread can be started.
  explicit logger(log_filter filter)
      : logger(std::move(filter), std::make_shared<detail::queued_sink>(standard_output_format())) {
  }

  /// Makes a log that writes to `sink` at once.
  logger(log_filter filter, spdlog::sink_ptr sink, log_format form = log_format::plain)
      : filter_(std::move(filter)), lines_("rathole", std::move(sink)) {
    lines_.set_formatter(make_layout(form));
    begin();
  }

  /// Writes the following lines to `to`, in the form that fits it. The log must have been made without
  /// a sink. Fails with the system's error, and then changes nothing. One thread at a time may call
  /// this and `reopen`.
  result<void> redirect(const log_destination& to) {
    std::shared_ptr<output_file> next;
    if (to.file) {
      auto opened = output_file::open(*to.file);
      if (!opened) return failure(opened.error());
      next = std::make_shared<output_file>(std::move(*opened));
    }
    const log_format plain = to.file ? log_format::plain : standard_output_format();
    try {
      queued_->redirect(next, to.json ? log_format::json : plain);
    } catch (const std::system_error& error) {
      return failure(error.code());
    }
    file_ = std::move(next);
    return {};
  }

  /// Opens the file of the log again, if there is one; see `output_file::reopen`.
  result<void> reopen() { return file_ ? file_->reopen() : result<void>(); }

  /// Returns whether the filter passes such lines, so that callers can avoid formatting lines that
  /// are not written.
  [[nodiscard]] bool wants(log_level level, std::string_view target) const {
    return filter_.load()->enabled(level, target);
  }

  /// Replaces the filter.
  void set_filter(log_filter filter) { filter_.store(std::move(filter)); }

  /// Writes a line if the filter passes it. Foreign text in `context` and `message` must have been
  /// treated by `escape`. `context` may be empty.
  void write(log_level level, std::string_view target, std::string_view context,
             std::string_view message) {
    if (!wants(level, target)) return;
    const std::string line = detail::joined({context, target, message});
    lines_.log(detail::to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

  /// Writes a line without a context.
  void write(log_level level, std::string_view target, std::string_view message) {
    write(level, target, {}, message);
  }

  /// Waits until the lines so far are written, but no longer than `line_writer::flush_timeout`.
  /// Must be called before the process ends without destroying the log.
  void flush() { lines_.flush(); }

 private:
  logger(log_filter filter, std::shared_ptr<detail::queued_sink> sink)
      : filter_(std::move(filter)), queued_(std::move(sink)), lines_("rathole", queued_) {
    begin();
  }

  void begin() {
    lines_.set_level(spdlog::level::trace);
    // The default handler writes to standard error, which may be blocked as well.
    lines_.set_error_handler([](const std::string&) {});
  }

  io::shared_value<log_filter> filter_;
  /// The sink, unless the log was made with another one.
  std::shared_ptr<detail::queued_sink> queued_;
  spdlog::logger lines_;
  /// The file to which lines go, if any.
  std::shared_ptr<output_file> file_;
};

}  // namespace rathole::app
