#pragma once

#include <rathole/app/log/access_line.hpp>
#include <rathole/app/log/line_writer.hpp>
#include <rathole/app/log/output_file.hpp>
#include <rathole/client/events.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/core/result.hpp>
#include <rathole/server/events.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::app {

/// The access log: a file with a line for each forwarded TCP connection that has ended. A thread of
/// its own writes the file, so nothing waits for the disk. Lives on the control plane.
class access_log {
 public:
  /// Makes a log that writes nothing.
  access_log() = default;

  /// Writes lines to the file at `path` from now on, as JSON objects if `json` is set. Fails with the
  /// system's error, and then changes nothing.
  result<void> open(const std::string& path, bool json) {
    auto opened = output_file::open(path);
    if (!opened) return failure(opened.error());
    auto file = std::make_shared<output_file>(std::move(*opened));
    std::unique_ptr<line_writer> next;
    try {
      const auto notice = [json](std::uint64_t count) { return dropped_line(count, json); };
      next = std::make_unique<line_writer>(file->descriptor(), notice, file);
    } catch (const std::system_error& error) {
      return failure(error.code());
    }
    close();
    file_ = std::move(file);
    writer_ = std::move(next);
    is_json_ = json;
    return {};
  }

  /// Writes no more lines.
  void close() {
    file_.reset();
    end_later(std::move(writer_));
  }

  /// Opens the file again, if there is one; see `output_file::reopen`.
  result<void> reopen() { return file_ ? file_->reopen() : result<void>(); }

  /// Adds a line for a connection of a server that has ended.
  void on(const server_side::forward_ended& e) {
    if (!writer_) return;
    add(e, to_string(e.visitor));
  }
  /// Adds a line for a connection of a client that has ended.
  void on(const client_side::forward_ended& e) {
    if (!writer_) return;
    add(e, {});
  }

  /// Waits until the lines so far are written, but no longer than `line_writer::flush_timeout`.
  void flush() {
    if (writer_) writer_->flush(line_writer::flush_timeout);
  }

 private:
  template <class Event>
  void add(const Event& e, std::string_view visitor) {
    const auto now = std::chrono::system_clock::now();
    const auto lasted = std::chrono::duration_cast<std::chrono::system_clock::duration>(e.lasted);
    writer_->add(access_line({.service = e.service,
                              .visitor = visitor,
                              .began = now - lasted,
                              .lasted = e.lasted,
                              .received = e.received,
                              .sent = e.sent,
                              .error = e.error},
                             is_json_));
  }

  static std::string dropped_line(std::uint64_t count, bool json) {
    const std::string number = std::to_string(count);
    if (json) return "{\"dropped\":" + number + "}\n";
    return "# " + number + " lines were dropped because the file could not be written\n";
  }

  std::shared_ptr<output_file> file_;
  std::unique_ptr<line_writer> writer_;
  bool is_json_ = false;
};

}  // namespace rathole::app
