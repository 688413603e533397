#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace rathole::test {

/// Sets or unsets an environment variable while the object exists.
class variable {
 public:
  variable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* const text = std::getenv(name)) before_ = text;
    set(value);
  }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() { set(before_); }

 private:
  void set(const std::optional<std::string>& value) const {
    if (value) {
      ::setenv(name_, value->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace rathole::test
