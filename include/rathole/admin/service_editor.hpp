#pragma once

#include <rathole/admin/backend.hpp>
#include <rathole/admin/control_plane.hpp>
#include <rathole/admin/file_change.hpp>
#include <rathole/admin/file_writer.hpp>
#include <rathole/admin/new_variables.hpp>
#include <rathole/admin/own_files.hpp>
#include <rathole/admin/settings_json.hpp>
#include <rathole/admin/target.hpp>
#include <rathole/config/include_files.hpp>
#include <rathole/config/load.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/config/toml_service.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/read_file.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/task.hpp>

#include <asio/this_coro.hpp>

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::admin {

/// What an edit does with a service.
enum class edit_kind {
  /// It gets new settings, or is added.
  replace,
  /// Its settings are changed by a merge patch (RFC 7396).
  merge,
  /// It is removed.
  remove
};

/// How an edit ended.
struct edit_outcome {
  /// The status of the answer.
  int status = 200;
  /// Why it was refused.
  std::string detail = {};
  /// What is wrong with the settings.
  std::vector<config::problem> problems = {};
};

/// Changes the files of services: one file for each in the folder `services_dir`, which the
/// configuration includes. The files are the truth: an edit is checked by the same parser, written so
/// that there is always the old or the new file, and applied by a reload. It lives on the API's own
/// thread, which may wait for the disk; one edit happens at a time.
class service_editor {
 public:
  /// The longest name of a service that gets a file, in bytes of the file's name.
  static constexpr std::size_t max_file_name = 200;

  /// Makes an editor for the side `of` of the configuration file at `path`, whose services are in the
  /// folder `folder`, if any. `program` reloads it, and must outlive the editor.
  service_editor(control_plane& program, std::string path, config::side of,
                 std::optional<std::string> folder)
      : program_(program), path_(std::move(path)), side_(of), files_(path_), own_(of) {
    use(folder);
  }

  /// Uses the folder `folder` from now on.
  void use(const std::optional<std::string>& folder) {
    folder_ = folder ? std::optional(files_.path_of(*folder)) : std::nullopt;
    if (folder_) remove_unfinished(*folder_);
  }

  /// Returns whether services can be added.
  [[nodiscard]] bool is_enabled() const { return folder_.has_value(); }

  /// Returns whether the service `name`, which is configured in `file`, can be changed.
  [[nodiscard]] bool may_edit(std::string_view name, const std::string& file) {
    return folder_ && file == file_of(name) && own_.contain(file, name);
  }

  /// Returns the settings of the service `name` as `file` has them, with secrets masked; null if they
  /// cannot be read.
  [[nodiscard]] json settings_of(std::string_view name, const std::string& file) const {
    const auto present = read_settings(name, file);
    return present ? to_json(*present) : json();
  }

  /// Changes the service `name`, and returns once the change is in use or was refused. `settings` are
  /// new settings or a patch. An edit waits until those before it have ended.
  io::awaitable<edit_outcome> edit(std::string name, edit_kind kind, json settings) {
    turn mine(*this, co_await asio::this_coro::executor);
    co_await mine.wait();
    try {
      auto work = perform(std::move(name), kind, std::move(settings));
      edit_outcome out = co_await std::move(work);
      mine.pass();
      co_return out;
    } catch (...) {
      mine.pass();
      throw;
    }
  }

 private:
  /// The turn of an edit. The thread is one, but an edit waits for its reload.
  class turn {
   public:
    turn(service_editor& of, const io::executor& here)
        : turns_(of.turns_), came_(here), place_(turns_.insert(turns_.end(), &came_)) {}
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      if (place_ != turns_.end()) turns_.erase(place_);
    }

    io::awaitable<void> wait() {
      while (turns_.front() != &came_) co_await came_.wait();
    }
    /// Lets the next edit begin, soon.
    void pass() {
      turns_.erase(std::exchange(place_, turns_.end()));
      if (!turns_.empty()) turns_.front()->notify();
    }

   private:
    std::list<io::event*>& turns_;
    io::event came_;
    std::list<io::event*>::iterator place_;
  };

  io::awaitable<edit_outcome> perform(std::string name, edit_kind kind, json settings) {
    if (!folder_) {
      co_return edit_outcome{409,
                             "Services cannot be changed here: `services_dir` is not configured."};
    }
    auto file = writable_file(name);
    if (!file) co_return std::move(file.error());
    auto next = next_content(name, kind, *file, std::move(settings));
    if (!next) co_return std::move(next.error());
    const char* const how = !next->after ? "removed" : next->before ? "changed" : "added";
    auto work = apply(std::move(*file), std::move(*next));
    edit_outcome out = co_await std::move(work);
    if (out.status >= 400) co_return out;
    auto note = program_.call([name = std::move(name), how](backend& of) {
      of.service_edited(name, how);
      return true;
    });
    co_await std::move(note);
    co_return out;
  }

  [[nodiscard]] std::string file_of(std::string_view name) const {
    std::string encoded = percent_encoded(name);
    // A file whose name begins with a dot is not included.
    if (encoded.starts_with('.')) encoded.replace(0, 1, "%2E");
    return (std::filesystem::path(*folder_) / (encoded + ".toml")).string();
  }

  [[nodiscard]] std::string key_of(std::string_view name) const {
    return config::service_key(side_, name);
  }

  [[nodiscard]] std::optional<config::value_table> read_settings(std::string_view name,
                                                                 const std::string& file) const {
    const auto text = read_file(file, {.size = config::limits::file_size});
    return text ? config::service_settings(*text, side_, name) : std::nullopt;
  }

  /// Returns the file of the service, or why it cannot be changed.
  std::expected<std::string, edit_outcome> writable_file(const std::string& name) {
    const auto refuse = [&](std::string what, std::string remedy) {
      return std::unexpected(edit_outcome{
          422,
          "The name of the service cannot be used.",
          {{.key = key_of(name), .what = std::move(what), .remedy = std::move(remedy)}}});
    };
    if (name == "." || name == "..") {
      return refuse("a URL cannot have this name", "choose another name");
    }
    for (const char c : name) {
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) continue;
      return refuse("a control character in the name", "choose another name");
    }
    std::string file = file_of(name);
    if (std::filesystem::path(file).filename().string().size() > max_file_name) {
      return refuse("the name is too long for a file", "choose a shorter name");
    }
    files_.replace({});
    auto loaded = load();
    if (!loaded) {
      return std::unexpected(edit_outcome{409,
                                          "The configuration on the disk has problems; correct "
                                          "them first. Nothing was changed.",
                                          std::move(loaded.error())});
    }
    has_variables_ = loaded->interpolates;
    const std::string key = key_of(name);
    const std::string table(loaded->where.key_in_file(key));
    if (table != key) {
      return std::unexpected(edit_outcome{
          409, "The service is one port of the range in [" + table + "]. Change the service " +
                   config::quote_key(config::range_of(name)) + " instead."});
    }
    const config::position* const at = loaded->where.find(key);
    if (at && loaded->where.files()[at->file] != file) {
      return std::unexpected(
          edit_outcome{409, "The service is configured in " + loaded->where.files()[at->file] +
                                ", which the API does not change. Edit that file by hand."});
    }
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored) && !own_.contain(file, name)) {
      return std::unexpected(edit_outcome{
          409,
          "The file " + file +
              " has more than the API writes, such as comments or another service, which would be "
              "lost. Edit it by hand."});
    }
    return file;
  }

  std::expected<config::document, std::vector<config::problem>> load() {
    return config::load_document(path_, files_, nullptr, duration::zero());
  }

  /// Returns the content of the file after the edit, once the parser has accepted it.
  std::expected<file_change, edit_outcome> next_content(const std::string& name, edit_kind kind,
                                                        const std::string& file, json settings) {
    file_change out;
    auto content = content_of(file);
    if (!content) {
      return std::unexpected(
          edit_outcome{507, "Cannot read " + file + ": " + content.error().message() + '.'});
    }
    out.before = std::move(*content);
    const auto present =
        out.before ? config::service_settings(*out.before, side_, name) : std::nullopt;
    if (kind != edit_kind::replace && !present) {
      return std::unexpected(edit_outcome{404, "There is no service of this name."});
    }
    if (kind != edit_kind::remove) {
      if (kind == edit_kind::merge) {
        json merged = to_json(*present);
        merged.merge_patch(settings);
        settings = std::move(merged);
      }
      std::vector<config::problem> problems;
      config::value_table made = to_settings(settings, key_of(name), problems);
      keep_secrets(made, present, key_of(name), problems);
      if (has_variables_) {
        refuse_new_variables(made, present ? &*present : nullptr, key_of(name), problems);
      }
      if (!problems.empty()) return std::unexpected(refused(std::move(problems)));
      out.after = config::service_text(side_, name, made);
    }
    files_.replace({{file, out.after}});
    auto checked = load();
    files_.replace({});
    if (!checked) {
      std::erase_if(checked.error(), [&](const config::problem& each) {
        return each.level != config::severity::error && each.file != file;
      });
      return std::unexpected(refused(std::move(checked.error())));
    }
    return out;
  }

  static edit_outcome refused(std::vector<config::problem> problems) {
    const auto errors =
        std::ranges::count(problems, config::severity::error, &config::problem::level);
    return {422,
            std::to_string(errors) + (errors == 1 ? " problem" : " problems") +
                "; nothing was changed.",
            std::move(problems)};
  }

  /// Puts the present secrets where the new settings have the mask. The problems of those that there are not
  /// are added to `problems`; `path` is the path of the settings in them.
  static void keep_secrets(config::value_table& settings,
                           const std::optional<config::value_table>& present,
                           const std::string& path, std::vector<config::problem>& problems) {
    for (const std::string_view key : secret_keys) {
      const auto found = settings.find(key);
      if (found == settings.end()) continue;
      const auto* const text = std::get_if<std::string>(&found->second);
      if (!text || *text != masked) continue;
      if (present && present->contains(key)) {
        found->second = present->find(key)->second;
        continue;
      }
      problems.push_back({.key = config::key_path(path, key),
                          .what = "there is no secret yet that `********` could keep",
                          .remedy = "write the secret itself, or leave the setting out"});
    }
  }

  /// Writes the file and has it applied; if that fails, the old content is restored.
  io::awaitable<edit_outcome> apply(std::string file, file_change next) {
    if (const auto now = content_of(file); !now || *now != next.before) {
      co_return edit_outcome{409, "Somebody else has just changed " + file +
                                      ". Nothing was changed; look at it, and try again."};
    }
    const auto written = write_content(file, next.after);
    if (!written) {
      co_return edit_outcome{507, "Cannot write " + file + ": " + written.error().message() + '.' +
                                      take_back(file, next)};
    }
    auto reload = program_.reload();
    reload_outcome done = co_await std::move(reload);
    const bool is_used =
        done.what == reload_outcome::kind::applied || done.what == reload_outcome::kind::unchanged;
    if (is_used) co_return edit_outcome{!next.after ? 204 : next.before ? 200 : 201};
    std::string restored = take_back(file, next);
    auto again = program_.reload();
    co_await std::move(again);
    if (done.reason.empty()) done.reason = "The change cannot be applied.";
    edit_outcome out = refused(std::move(done.problems));
    if (done.what == reload_outcome::kind::impossible) out.status = 503;
    out.detail = done.reason + restored;
    co_return out;
  }

  control_plane& program_;
  const std::string path_;
  const config::side side_;
  config::include_files files_;
  std::optional<std::string> folder_;
  own_files own_;
  /// Whether `${NAME}` in the configuration stands for a variable.
  bool has_variables_ = true;
  /// The edit that happens, and those that wait for it.
  std::list<io::event*> turns_;
};

}  // namespace rathole::admin
