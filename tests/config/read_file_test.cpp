#include "../support/temp_dir.hpp"
#include "../support/unusual_files.hpp"

#include <rathole/core/read_file.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>

#include <chrono>
#include <string>
#include <thread>

namespace rathole {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most = std::size_t{1} << 20;

/// Returns the text that `read_file` returns, or its reason why there is none.
std::string read(const std::string& path, duration pipe_timeout = 0s) {
  const auto text = read_file(path, {.size = most, .pipe_timeout = pipe_timeout});
  return text ? *text : "cannot be read: " + text.error();
}

std::string make_pipe(const test::temp_dir& folder) {
  std::string path = (folder.path() / "pipe").string();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  return path;
}

/// Writes to a pipe once it has a reader.
std::jthread write_later(const std::string& pipe, std::string text) {
  return std::jthread([pipe, text = std::move(text)] {
    const int fd = ::open(pipe.c_str(), O_WRONLY);
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t count = ::write(fd, text.data() + sent, text.size() - sent);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    ::close(fd);
  });
}

TEST_CASE("read_file: a file is read whole, whatever its reported size") {
  const test::temp_dir folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, most}) {
    const std::string text(size, 'x');
    CHECK(read(folder.write("file", text)) == text);
  }
  CHECK(read(folder.write("large", std::string(most + 1, 'x'))) ==
        "cannot be read: larger than 1 MiB");
  // The system reports its size as 0.
  CHECK(read("/proc/self/status").starts_with("Name:"));
}

TEST_CASE("read_file: anything but a regular file is refused, without waiting") {
  const test::temp_dir folder;
  const test::unusual_files odd(folder);
  for (const auto& [path, why] : odd.all()) CHECK(read(path) == "cannot be read: " + why);
}

TEST_CASE("read_file: a file without read permission is reported as such") {
  const test::temp_dir folder;
  const std::string path = folder.write("secret", "x");
  REQUIRE(::chmod(path.c_str(), 0) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
  const test::ordinary_user without_rights;
  CHECK(read(path) == "cannot be read: Permission denied");
}

TEST_CASE("read_file: waiting for the writer of a pipe is bounded") {
  const test::temp_dir folder;
  const std::string pipe = make_pipe(folder);
  {
    const auto writer = write_later(pipe, std::string(300'000, 'x'));
    CHECK(read(pipe, 30s) == std::string(300'000, 'x'));
  }
  {
    const auto writer = write_later(pipe, "");
    CHECK(read(pipe, 30s) == "");
  }
  {
    const auto writer = write_later(pipe, std::string(most + 1, 'x'));
    CHECK(read(pipe, 30s) == "cannot be read: larger than 1 MiB");
  }
  // One pipe has no writer; the other has a writer that never closes it.
  const std::string late = "cannot be read: it is a pipe, and its end did not come within 1 s";
  CHECK(read(pipe, 50ms) == late);
  const int held = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::write(held, "half", 4) == 4);
  CHECK(read(pipe, 50ms) == late);
  ::close(held);
}

TEST_CASE("read_file: the pipe of a shell's <(...) is read after its writer has closed it") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::write(ends[1], "text", 4) == 4);
  ::close(ends[1]);
  CHECK(read("/dev/fd/" + std::to_string(ends[0]), 30s) == "text");
  ::close(ends[0]);
}

}  // namespace
}  // namespace rathole
