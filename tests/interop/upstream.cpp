#include "upstream.hpp"

#include "../support/process.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

namespace rathole::test {
namespace {

constexpr int skipped = 77;

bool is_upstream(const std::string& path) {
  if (access(path.c_str(), X_OK) != 0) return false;
  process asked(path, {"--version"});
  if (asked.wait_exit(std::chrono::seconds{5}) != 0) return false;
  const std::string answer = asked.output();
  return answer.find("0.5.0") != answer.npos && answer.find("cargo") != answer.npos;
}

std::string find_upstream() {
  if (const char* named = std::getenv("RATHOLE_UPSTREAM"); named != nullptr && *named != '\0') {
    if (is_upstream(named)) return named;
    std::fprintf(stderr, "interop: RATHOLE_UPSTREAM=%s is not rathole v0.5.0\n", named);
    std::_Exit(EXIT_FAILURE);
  }
  const char* path = std::getenv("PATH");
  for (const char* name : {"rathole-upstream", "rathole"}) {
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');)
      if (const std::string file = folder + "/" + name; is_upstream(file)) return file;
  }
  return {};
}

/// Ends the run before its first test if upstream's program is missing, because skipped tests must
/// not look like passed ones.
struct skip_without_upstream : doctest::IReporter {
  explicit skip_without_upstream(const doctest::ContextOptions&) {}
  void test_run_start() override {
    if (!upstream_program().empty()) {
      std::printf("interop: with %s\n", upstream_program().c_str());
      return;
    }
    std::fputs(
        "**** INTEROP SKIPPED: no upstream rathole v0.5.0 found ****\n"
        "**** set RATHOLE_UPSTREAM to its program, or put it on PATH ****\n",
        stderr);
    std::fflush(nullptr);
    std::_Exit(skipped);
  }
  void report_query(const doctest::QueryData&) override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("skip_without_upstream", 1, skip_without_upstream);

}  // namespace

const std::string& upstream_program() {
  static const std::string path = find_upstream();
  return path;
}

}  // namespace rathole::test
