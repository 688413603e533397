#pragma once

#include <sys/stat.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <ostream>
#include <streambuf>
#include <string_view>
#include <system_error>

namespace rathole::app {

/// Returns whether a descriptor leads to systemd's journal. `journal_stream` is the value of the
/// variable JOURNAL_STREAM, `device:inode` (systemd.exec(5)), or null. The descriptor is compared,
/// because a program whose output goes elsewhere also has the variable if a service started it.
inline bool is_journal(int descriptor, const char* journal_stream) {
  if (journal_stream == nullptr) return false;
  const std::string_view text = journal_stream;
  const auto number = [](std::string_view digits) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || rest != end) return std::nullopt;
    return value;
  };
  const auto colon = text.find(':');
  if (colon == text.npos) return false;
  struct stat found{};
  if (::fstat(descriptor, &found) != 0) return false;
  return number(text.substr(0, colon)) == std::uint64_t{found.st_dev} &&
         number(text.substr(colon + 1)) == std::uint64_t{found.st_ino};
}

/// Prefixes each line of a stream with the priority of errors for the journal (sd-daemon(3)), until
/// it is destroyed.
class error_priority final : std::streambuf {
 public:
  /// Changes the stream `to`, which must outlive it.
  explicit error_priority(std::ostream& to) : to_(to), below_(to.rdbuf(this)) {}
  error_priority(const error_priority&) = delete;
  error_priority& operator=(const error_priority&) = delete;
  /// Restores the stream.
  ~error_priority() override { to_.rdbuf(below_); }

 private:
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    if (is_at_start_) below_->sputn("<3>", 3);
    is_at_start_ = traits_type::to_char_type(c) == '\n';
    return below_->sputc(traits_type::to_char_type(c));
  }
  int sync() override { return below_->pubsync(); }

  std::ostream& to_;
  std::streambuf* const below_;
  bool is_at_start_ = true;
};

}  // namespace rathole::app
