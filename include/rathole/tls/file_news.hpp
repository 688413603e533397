#pragma once

#include <functional>
#include <string>

namespace rathole::tls {

/// Holds what is reported about files of keys and certificates.
enum class file_news {
  /// Files have changed and cannot be used; the old ones stay in use.
  refused,
  /// Files have changed and are in use now.
  loaded,
  /// Files are in use, but peers refuse them, or will soon.
  doubtful,
};

/// A function that receives the news and its description; called by any thread.
using problem_handler = std::function<void(file_news, const std::string&)>;

}  // namespace rathole::tls
