#pragma once

#include <rathole/core/read_file.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

namespace rathole::admin {

/// What the system says about this process.
struct process_statistics {
  /// The processor time of user and system, in seconds.
  double cpu_seconds = 0;
  /// The resident memory, in bytes.
  double resident_bytes = 0;
  /// The virtual memory, in bytes.
  double virtual_bytes = 0;
  /// The open file descriptors.
  double open_descriptors = 0;
  /// The limit of open file descriptors.
  double max_descriptors = 0;
  /// The threads.
  double threads = 0;
  /// When the process started, in seconds since 1970.
  double start_seconds = 0;
};

/// Returns what proc(5) says about this process; 0 for what cannot be read.
inline process_statistics read_process_statistics() {
  process_statistics out;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    out.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.max_descriptors = static_cast<double>(limit.rlim_cur);
  }
  constexpr file_limits limits{.size = std::size_t{1} << 20};
  const std::string text = read_file("/proc/self/stat", limits).value_or("");
  // The name of the program, in parentheses, may hold anything.
  if (const auto end = text.rfind(')'); end != std::string::npos) {
    std::istringstream fields(text.substr(end + 1));
    std::string skipped;
    double started = 0;
    double pages = 0;
    for (int i = 3; i <= 19; ++i) fields >> skipped;
    fields >> out.threads >> skipped >> started >> out.virtual_bytes >> pages;
    out.resident_bytes = pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
    double boot = 0;
    std::istringstream stat(read_file("/proc/stat", limits).value_or(""));
    for (std::string word; stat >> word;) {
      if (word == "btime") stat >> boot;
    }
    out.start_seconds = boot + started / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  std::error_code ec;
  std::filesystem::directory_iterator each("/proc/self/fd", ec);
  if (!ec) out.open_descriptors = static_cast<double>(std::distance(begin(each), end(each)) - 1);
  return out;
}

}  // namespace rathole::admin
