// What a file watch reports by inotify and by polling, and what it does not report.

#include "support/eventually.hpp"
#include "support/own_process.hpp"
#include "support/temp_dir.hpp"

#include <rathole/io/files/change_pacer.hpp>
#include <rathole/io/files/file_watch.hpp>

#include <doctest/doctest.h>
#include <asio/io_context.hpp>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Short intervals, and only inotify.
const io::file_watch_settings inotify_only{
    .quiet = 5ms, .max_burst = 1s, .poll_interval = std::chrono::hours(24)};
/// Short intervals, and only polling.
const io::file_watch_settings polling_only{
    .quiet = 5ms, .max_burst = 1s, .poll_interval = 5ms, .use_inotify = false};

void write(const fs::path& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  REQUIRE(out);
}

/// Runs the context until `condition` holds; returns false if it does not in time.
bool run_until(asio::io_context& context, const std::function<bool()>& condition) {
  context.restart();
  const auto deadline = clock::now() + test_timeout;
  while (!condition() && clock::now() < deadline) context.run_one_for(20ms);
  return condition();
}

/// A watch of a file that counts its calls.
struct watched {
  watched(asio::io_context& shared, const fs::path& file, const io::file_watch_settings& settings)
      : context(shared), watch(context.get_executor(), file, [this] { ++calls; }, settings) {}
  watched(asio::io_context& shared, io::file_watch::path_source paths,
          const io::file_watch_settings& settings)
      : context(shared),
        watch(context.get_executor(), std::move(paths), [this] { ++calls; }, settings) {}
  ~watched() { watch.close(); }

  /// Returns whether the watch has called since the last call of this function.
  bool was_notified() {
    const int before = seen;
    return run_until(context, [&] { return calls > before; }) && settle();
  }

  /// Returns whether the watch has called `expected` times once everything so far is reported. To
  /// find out, another file with a longer debounce changes; its report comes later.
  bool has_called(int expected) {
    const temp_dir elsewhere;
    const fs::path fence = elsewhere.write("fence", "a");
    io::file_watch_settings slow = inotify_only;
    slow.quiet = 150ms;
    watched other(context, fence, slow);
    write(fence, "b");
    return run_until(context, [&] { return calls >= expected; }) && other.was_notified() &&
           calls == expected;
  }

  asio::io_context& context;
  int calls = 0;
  int seen = 0;
  io::file_watch watch;

 private:
  bool settle() {
    seen = calls;
    return true;
  }
};

/// Describes one way in which a file changes: the file is `config.toml`, in `conf`, beside `other`.
struct change {
  const char* name;
  /// Creates what exists before the watch; by default a file.
  std::function<void(const fs::path&)> before;
  std::function<void(const fs::path&)> happens;
};

const fs::path file = "conf/config.toml";

/// Writes a version of a Kubernetes volume in `at`: the files are links through `..data`, and a new
/// version is a new directory to which `..data` is changed by one rename.
void publish(const fs::path& at, const std::string& version, std::string_view text) {
  fs::create_directory(at / version);
  write(at / version / "config.toml", text);
  fs::create_directory_symlink(version, at / "..data_tmp");
  fs::rename(at / "..data_tmp", at / "..data");
}

const std::vector<change>& changes() {
  static const std::vector<change> all{
      {"written in place", {}, [](const fs::path& at) { write(at / file, "two"); }},
      {"written in place, as long as before",
       {},
       [](const fs::path& at) { write(at / file, "b"); }},
      {"appended to",
       {},
       [](const fs::path& at) { std::ofstream(at / file, std::ios::app) << "two"; }},
      {"truncated", {}, [](const fs::path& at) { fs::resize_file(at / file, 0); }},
      {"touched",
       {},
       [](const fs::path& at) {
         fs::last_write_time(at / file, fs::file_time_type::clock::now() + 1h);
       }},
      {"another mode",
       {},
       [](const fs::path& at) { fs::permissions(at / file, fs::perms::owner_read); }},
      {"renamed onto, in the directory",
       {},
       [](const fs::path& at) {
         write(at / "conf/new", "two");
         fs::rename(at / "conf/new", at / file);
       }},
      {"renamed onto, from another directory",
       {},
       [](const fs::path& at) {
         write(at / "other/new", "two");
         fs::rename(at / "other/new", at / file);
       }},
      {"deleted and made again",
       {},
       [](const fs::path& at) {
         fs::remove(at / file);
         write(at / file, "two");
       }},
      {"deleted and made again, empty",
       {},
       [](const fs::path& at) {
         fs::remove(at / file);
         write(at / file, "");
       }},
      {"deleted and made again as a hard link",
       [](const fs::path& at) {
         write(at / file, "one");
         write(at / "other/new", "two");
       },
       [](const fs::path& at) {
         fs::remove(at / file);
         fs::create_hard_link(at / "other/new", at / file);
       }},
      {"deleted and made again as a symbolic link",
       [](const fs::path& at) {
         write(at / file, "one");
         write(at / "other/new", "two");
       },
       [](const fs::path& at) {
         fs::remove(at / file);
         fs::create_symlink("../other/new", at / file);
       }},
      {"moved away and back",
       {},
       [](const fs::path& at) {
         fs::rename(at / file, at / "conf/away");
         fs::rename(at / "conf/away", at / file);
       }},
      {"written through another name of it",
       [](const fs::path& at) {
         write(at / file, "one");
         fs::create_hard_link(at / file, at / "other/name");
       },
       [](const fs::path& at) { write(at / "other/name", "two"); }},
      {"a link whose target is written",
       [](const fs::path& at) {
         write(at / "other/target", "one");
         fs::create_symlink("../other/target", at / file);
       },
       [](const fs::path& at) { write(at / "other/target", "two"); }},
      {"a link whose target is renamed onto",
       [](const fs::path& at) {
         write(at / "other/target", "one");
         fs::create_symlink(at / "other/target", at / file);
       },
       [](const fs::path& at) {
         write(at / "other/new", "two");
         fs::rename(at / "other/new", at / "other/target");
       }},
      {"a link that is exchanged",
       [](const fs::path& at) {
         write(at / "other/one", "one");
         write(at / "other/two", "two");
         fs::create_symlink("../other/one", at / file);
       },
       [](const fs::path& at) {
         fs::create_symlink("../other/two", at / "conf/link");
         fs::rename(at / "conf/link", at / file);
       }},
      {"the middle one of three links is exchanged",
       [](const fs::path& at) {
         fs::create_directory(at / "far");
         write(at / "far/one", "one");
         write(at / "far/two", "two");
         fs::create_symlink("../far/one", at / "other/link");
         fs::create_symlink("../other/link", at / file);
       },
       [](const fs::path& at) {
         fs::create_symlink("../far/two", at / "other/new");
         fs::rename(at / "other/new", at / "other/link");
       }},
      {"a volume of Kubernetes",
       [](const fs::path& at) {
         publish(at / "conf", "..v1", "one");
         fs::create_symlink("..data/config.toml", at / file);
       },
       [](const fs::path& at) { publish(at / "conf", "..v2", "two"); }},
      {"its directory is exchanged",
       {},
       [](const fs::path& at) {
         write(at / "other/config.toml", "two");
         fs::rename(at / "conf", at / "old");
         fs::rename(at / "other", at / "conf");
       }},
      {"its directory is deleted and made again",
       {},
       [](const fs::path& at) {
         fs::remove_all(at / "conf");
         fs::create_directory(at / "conf");
         write(at / file, "two");
       }},
      {"a directory far up is exchanged",
       [](const fs::path& at) {
         fs::create_directories(at / "conf/a/b");
         write(at / "conf/a/b/config.toml", "one");
         fs::create_directories(at / "other/a/b");
         write(at / "other/a/b/config.toml", "two");
         fs::create_symlink("a/b/config.toml", at / file);
       },
       [](const fs::path& at) {
         fs::rename(at / "conf/a", at / "old");
         fs::rename(at / "other/a", at / "conf/a");
       }},
      {"made after the watch", [](const fs::path&) {},
       [](const fs::path& at) { write(at / file, "one"); }},
      {"a directory in its place, and then the file again",
       [](const fs::path& at) { fs::create_directory(at / file); },
       [](const fs::path& at) {
         fs::remove(at / file);
         write(at / file, "one");
       }},
      {"made after the watch, with its directory",
       [](const fs::path& at) { fs::remove(at / "conf"); },
       [](const fs::path& at) {
         fs::create_directory(at / "conf");
         write(at / file, "one");
       }},
  };
  return all;
}

/// Creates what exists before a change.
void prepare(const fs::path& at, const change& one) {
  fs::create_directory(at / "conf");
  fs::create_directory(at / "other");
  if (one.before) {
    one.before(at);
  } else {
    write(at / file, "a");
  }
}

void check_all_changes(const io::file_watch_settings& settings) {
  for (const change& one : changes()) {
    CAPTURE(one.name);
    const temp_dir at;
    prepare(at.path(), one);
    asio::io_context context(1);
    watched config(context, at.path() / file, settings);
    one.happens(at.path());
    CHECK(config.was_notified());
    // It still watches, whatever the path leads to.
    fs::permissions(at.path() / file, fs::perms::all);
    write(at.path() / file, "something that is longer");
    CHECK(config.was_notified());
  }
}

}  // namespace

TEST_SUITE("file_watch") {
  TEST_CASE("a burst is reported after a quiet period, or after a maximum duration") {
    struct example {
      std::vector<duration> hints;
      std::optional<duration> due;
      bool is_cut_off;
    };
    const example examples[] = {
        {{}, std::nullopt, false},
        {{0ms}, 100ms, false},
        {{0ms, 99ms}, 199ms, false},
        {{0ms, 50ms, 150ms, 200ms}, 300ms, false},
        {{0ms, 900ms}, 1000ms, false},
        {{0ms, 901ms}, 1000ms, true},
        {{7ms, 800ms, 1000ms}, 1007ms, true},
    };
    const time_point start = clock::now();
    for (const auto& [hints, due, is_cut_off] : examples) {
      CAPTURE(hints.size());
      io::debounce burst(100ms, 1s);
      for (const duration at : hints) burst.hint(start + at);
      CHECK(burst.due().has_value() == due.has_value());
      if (due) CHECK(burst.due() == start + *due);
      CHECK(burst.is_cut_off() == is_cut_off);
      burst.reset();
      CHECK_FALSE(burst.due());
      CHECK_FALSE(burst.is_cut_off());
    }
  }

  TEST_CASE("files that never rest are reported ever more rarely") {
    const io::change_pace pace{.burst = 3, .first_pause = 1s, .max_pause = 5s, .calm = 10s};
    io::change_pacer pacer(pace);
    CHECK(!pacer.next());
    time_point now{};
    std::vector<duration> pauses;
    for (int i = 0; i < 7; ++i) {
      pacer.report(now);
      pauses.push_back(pacer.pause());
      CHECK(pacer.next() == now + pacer.pause());
      now = *pacer.next() + 9s;
    }
    CHECK(pauses == std::vector<duration>{0s, 0s, 0s, 1s, 2s, 4s, 5s});
    now = *pacer.next() + 10s;
    pacer.report(now);
    CHECK(pacer.pause() == 0s);

    // By default an endless loop is one report a minute.
    io::change_pacer usual{io::change_pace{}};
    int reports = 0;
    for (now = {}; now < time_point{} + std::chrono::minutes(10);
         now = std::max(now + 100ms, *usual.next())) {
      usual.report(now);
      ++reports;
    }
    CHECK(reports < 630);
    CHECK(usual.pause() == std::chrono::minutes(1));
  }

  TEST_CASE("a file that each report makes grow is not read without end") {
    for (io::file_watch_settings settings : {inotify_only, polling_only}) {
      settings.pace = {
          .burst = 5, .first_pause = std::chrono::hours(1), .max_pause = std::chrono::hours(1)};
      const temp_dir dir;
      const fs::path log = dir.write("log", "a");
      asio::io_context context;
      int calls = 0;
      io::file_watch watch(
          context.get_executor(), log,
          [&] {
            ++calls;
            std::ofstream(log, std::ios::app) << "a line\n";
          },
          settings);
      std::ofstream(log, std::ios::app) << "a line\n";
      CHECK(run_until(context, [&] { return watch.pause() > 0s; }));
      context.run_for(100ms);
      CHECK(calls == 6);
      watch.close();
    }
  }

  TEST_CASE("every change is reported by inotify") { check_all_changes(inotify_only); }

  TEST_CASE("every change is found by polling") { check_all_changes(polling_only); }

  TEST_CASE("a relative path starts in the current directory") {
    const temp_dir at;
    at.write("config.toml", "a");
    const fs::path before = fs::current_path();
    fs::current_path(at.path());
    asio::io_context context(1);
    watched config(context, "config.toml", inotify_only);
    fs::current_path(before);
    at.write("config.toml", "bc");
    CHECK(config.was_notified());
  }

  TEST_CASE("what does not change the file is not reported") {
    const temp_dir at;
    for (const auto& settings : {inotify_only, polling_only}) {
      const fs::path path = at.write("config.toml", "a");
      asio::io_context context(1);
      watched config(context, path, settings);
      CHECK(config.has_called(0));
      // Neighbouring files, a name with the same beginning, and readers.
      at.write("config.toml.swp", "b");
      fs::remove(at.path() / "config.toml.swp");
      std::string text;
      CHECK(std::getline(std::ifstream(path), text));
      {
        const std::ofstream opened(path, std::ios::app);
      }
      CHECK(config.has_called(0));
      // A missing file is not reported; what takes its place is, but not what happens in a directory.
      fs::remove(path);
      CHECK(config.has_called(0));
      fs::create_directory(path);
      CHECK(config.has_called(1));
      fs::create_directory(path / "x");
      fs::remove(path / "x");
      CHECK(config.has_called(1));
      fs::remove(path);
      REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
      CHECK(config.has_called(2));
      fs::remove(path);
      write(path, "b");
      CHECK(config.has_called(3));
    }
  }

  TEST_CASE("inotify events about neighbouring files are ignored") {
    const temp_dir at;
    const fs::path path = at.write("config.toml", "a");
    asio::io_context context(1);
    int notified = 0;
    io::inotify_watch watch(context.get_executor(), [&] { ++notified; });
    watch.follow({.files = {path}});
    CHECK(watch.is_complete());
    at.write("config.toml.new", "b");
    fs::rename(at.path() / "config.toml.new", at.path() / "config.toml.old");
    fs::remove(at.path() / "config.toml.old");
    // Earlier changes are reported before later ones.
    const temp_dir elsewhere;
    const fs::path fence = elsewhere.write("fence", "a");
    bool reached = false;
    io::inotify_watch other(context.get_executor(), [&] { reached = true; });
    other.follow({.files = {fence}});
    write(fence, "b");
    REQUIRE(run_until(context, [&] { return reached; }));
    context.poll();
    CHECK(notified == 0);
    write(path, "b");
    CHECK(run_until(context, [&] { return notified > 0; }));
  }

  TEST_CASE("the files of a directory are followed as they come, change and go") {
    for (const auto& settings : {inotify_only, polling_only}) {
      const temp_dir at;
      const fs::path folder = at.path() / "services.d";
      fs::create_directory(folder);
      at.write("main.toml", "a");
      at.write("services.d/one.toml", "a");
      const auto listed = [&at, folder] {
        io::watched_paths out{.files = {at.path() / "main.toml"}, .directories = {folder}};
        for (const auto& each : fs::directory_iterator(folder)) {
          if (each.path().extension() == ".toml") out.files.push_back(each.path());
        }
        return out;
      };
      asio::io_context context(1);
      watched config(context, listed, settings);
      CHECK(config.has_called(0));
      at.write("main.toml", "ab");
      CHECK(config.was_notified());
      at.write("services.d/one.toml", "ab");
      CHECK(config.was_notified());
      at.write("services.d/two.toml", "a");
      CHECK(config.was_notified());
      at.write("services.d/two.toml", "ab");
      CHECK(config.was_notified());
      at.write("services.d/new", "abc");
      fs::rename(folder / "new", folder / "two.toml");
      CHECK(config.was_notified());
      fs::remove(folder / "one.toml");
      CHECK(config.was_notified());
      const int before = config.calls;
      at.write("services.d/one.txt", "a");
      CHECK(config.has_called(before));
    }
  }

  TEST_CASE("other files are followed after a refresh, without a change of those before") {
    const temp_dir at;
    const fs::path first = at.write("first.toml", "a");
    const fs::path second = at.write("second.toml", "a");
    bool has_second = false;
    const auto listed = [&] {
      io::watched_paths out{.files = {first}};
      if (has_second) out.files.push_back(second);
      return out;
    };
    asio::io_context context(1);
    watched config(context, listed, inotify_only);
    write(second, "ab");
    CHECK(config.has_called(0));
    has_second = true;
    config.watch.refresh();
    CHECK(config.was_notified());
    write(second, "abc");
    CHECK(config.was_notified());
  }

  TEST_CASE("circular links are treated as a missing file") {
    const temp_dir at;
    const fs::path path = at.path() / "config.toml";
    fs::create_symlink("config.toml", path);
    asio::io_context context(1);
    watched config(context, path, inotify_only);
    CHECK(config.has_called(0));
    fs::remove(path);
    write(path, "a");
    CHECK(config.was_notified());
  }

  TEST_CASE("many writes are reported as one change") {
    const temp_dir at;
    const fs::path path = at.write("config.toml", "a");
    asio::io_context context(1);
    watched config(context, path, inotify_only);
    for (int i = 0; i < 100; ++i) write(path, std::to_string(i));
    REQUIRE(config.was_notified());
    CHECK(config.has_called(1));
  }

  TEST_CASE(
      "a file that is written all the time is reported periodically, and once more at the end") {
    const temp_dir at;
    const fs::path path = at.write("config.toml", "a");
    io::file_watch_settings settings = inotify_only;
    settings.quiet = std::chrono::hours(1);
    settings.max_burst = 20ms;
    asio::io_context context(1);
    watched config(context, path, settings);
    // While events arrive the burst is cut at its maximum duration, and each cut is reported. The
    // one after the last write is reported too, because no one can know that it is the last.
    write(path, "b");
    CHECK(config.was_notified());
    CHECK(config.was_notified());
  }

  TEST_CASE("the callback may close the watch") {
    const temp_dir at;
    for (const auto& settings : {inotify_only, polling_only}) {
      const fs::path path = at.write("config.toml", "a");
      asio::io_context context(1);
      int calls = 0;
      std::optional<io::file_watch> watch;
      watch.emplace(
          context.get_executor(), path,
          [&] {
            ++calls;
            watch->close();
          },
          settings);
      write(path, "bc");
      // The context then runs out of work.
      context.run_for(test_timeout);
      CHECK(context.stopped());
      CHECK(calls == 1);
    }
  }

  TEST_CASE("a closed watch leaves nothing behind") {
    const temp_dir at;
    const fs::path path = at.write("config.toml", "a");
    asio::io_context context(1);
    // The context's own descriptors stay open.
    watched(context, path, inotify_only).watch.close();
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 10; ++i) {
      watched config(context, path, inotify_only);
      write(path, "b");
      config.watch.close();
      context.restart();
      context.run_for(test_timeout);
      CHECK(context.stopped());
      CHECK(config.calls == 0);
    }
    CHECK(open_descriptors() == before);
  }

  TEST_CASE("without descriptors the watch polls, and retries inotify") {
    const temp_dir at;
    const fs::path path = at.write("config.toml", "a");
    asio::io_context context(1);
    // The context has opened its own descriptors.
    watched(context, path, polling_only).watch.close();
    io::file_watch_settings settings = inotify_only;
    settings.poll_interval = 5ms;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    std::optional<watched> config;
    config.emplace(context, path, settings);
    // Changes made while there are no descriptors are detected too.
    const bool changed = ::truncate(path.c_str(), 0) == 0;
    const bool notified = config->was_notified();
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(changed);
    CHECK(notified);
    const std::size_t without = open_descriptors();
    CHECK(run_until(context, [&] { return open_descriptors() > without; }));
    write(path, "bc");
    CHECK(config->was_notified());
  }

  TEST_CASE("a bind mount over the file is detected") {
    const temp_dir at;
    const fs::path outside = at.write("outside.toml", "a");
    const fs::path inside = at.write("config.toml", "");
    // Mounts are made in a child process, so that this process's stay unchanged.
    enum : int { seen, unseen, not_permitted };
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        ::_exit(not_permitted);
      if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(not_permitted);
      io::file_watch_settings polls_too = inotify_only;
      polls_too.poll_interval = 5ms;
      asio::io_context context(1);
      // A mount made after the watch began is detected only by polling.
      watched late(context, inside, polls_too);
      if (::mount(outside.c_str(), inside.c_str(), nullptr, MS_BIND, nullptr) != 0)
        ::_exit(not_permitted);
      watched early(context, inside, inotify_only);
      if (!late.was_notified()) ::_exit(unseen);
      std::ofstream(outside, std::ios::trunc) << "two";
      ::_exit(early.was_notified() && late.was_notified() ? seen : unseen);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == not_permitted) {
      MESSAGE("no mounts are permitted here; see the file that is written through another name");
    } else {
      CHECK(WEXITSTATUS(status) == seen);
    }
  }
}

}  // namespace rathole::test
