#pragma once

#include <rathole/admin/backend.hpp>
#include <rathole/admin/control_plane.hpp>
#include <rathole/admin/edit_outcome.hpp>
#include <rathole/admin/edit_turn.hpp>
#include <rathole/admin/entity_tags.hpp>
#include <rathole/admin/file_change.hpp>
#include <rathole/admin/file_writer.hpp>
#include <rathole/admin/kept_secrets.hpp>
#include <rathole/admin/new_variables.hpp>
#include <rathole/admin/own_files.hpp>
#include <rathole/admin/preconditions.hpp>
#include <rathole/admin/settings_json.hpp>
#include <rathole/admin/target.hpp>
#include <rathole/config/include_files.hpp>
#include <rathole/config/load.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/config/toml_service.hpp>
#include <rathole/config/toml_service_reading.hpp>
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
#include <vector>

namespace rathole::admin {

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

  /// Returns what `file` says of the service `name`.
  [[nodiscard]] shown_settings settings_of(std::string_view name, const std::string& file) const {
    auto present = read_settings(name, file);
    if (!present) return {.tag = tags_.of("")};
    std::string tag = tag_of(name, *present);
    const auto valid = config::service_reading(side_, name, std::move(*present)).valid();
    return {valid ? to_json(*valid) : json(), std::move(tag)};
  }

  /// Changes the service `name`, and returns once the change is in use or was refused. `settings` are
  /// new settings or a patch. Nothing is changed unless `conditions` hold then. An edit waits until those
  /// before it have ended.
  io::awaitable<edit_outcome> edit(std::string name, edit_kind kind, json settings,
                                   preconditions conditions = {}) {
    edit_turn mine(turns_, co_await asio::this_coro::executor);
    co_await mine.wait();
    try {
      auto work = perform(std::move(name), kind, std::move(settings), std::move(conditions));
      edit_outcome out = co_await std::move(work);
      mine.pass();
      co_return out;
    } catch (...) {
      mine.pass();
      throw;
    }
  }

 private:
  using overrides = config::include_files::overrides;
  using config_or_problems = std::expected<config::document, std::vector<config::problem>>;

  io::awaitable<edit_outcome> perform(std::string name, edit_kind kind, json settings,
                                      preconditions conditions) {
    if (!folder_) {
      co_return edit_outcome{409,
                             "Services cannot be changed here: `services_dir` is not configured."};
    }
    if (auto wrong = name_problem(name)) {
      co_return edit_outcome{422, "The name of the service cannot be used.", {std::move(*wrong)}};
    }
    std::string file = file_of(name);
    auto next = plan(name, kind, file, std::move(settings), conditions);
    if (!next) co_return std::move(next.error());
    const auto& [before, after] = next->content;
    const char* const how = !after ? "removed" : before ? "changed" : "added";
    auto work = apply(std::move(file), std::move(next->content));
    edit_outcome out = co_await std::move(work);
    if (out.status >= 400) co_return out;
    out.problems = std::move(next->warnings);
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
    // As the files are named that the configuration includes.
    return (std::filesystem::path(*folder_) / (encoded + ".toml")).lexically_normal().string();
  }

  [[nodiscard]] std::string tag_of(std::string_view name,
                                   const config::value_table& settings) const {
    return tags_.of(config::service_text(side_, name, settings));
  }

  [[nodiscard]] std::string key_of(std::string_view name) const {
    return config::service_key(side_, name);
  }

  [[nodiscard]] std::optional<config::value_table> read_settings(std::string_view name,
                                                                 const std::string& file) const {
    const auto text = read_file(file, {.size = config::limits::file_size});
    return text ? config::service_settings(*text, side_, name) : std::nullopt;
  }

  /// Returns what is wrong with the name of a service that would get a file, if anything is.
  [[nodiscard]] std::optional<config::problem> name_problem(const std::string& name) const {
    const auto wrong = [&](std::string what, std::string remedy) {
      return config::problem{
          .key = key_of(name), .what = std::move(what), .remedy = std::move(remedy)};
    };
    if (name == "." || name == "..") {
      return wrong("a URL cannot have this name", "choose another name");
    }
    for (const char c : name) {
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) continue;
      return wrong("a control character in the name", "choose another name");
    }
    if (std::filesystem::path(file_of(name)).filename().string().size() <= max_file_name) {
      return std::nullopt;
    }
    return wrong("the name is too long for a file", "choose a shorter name");
  }

  /// Reads the configuration on the disk, with the content `after` of `file` if it is given.
  config_or_problems load(const std::string& file, const std::optional<file_change>& next = {}) {
    files_.replace(next ? overrides{{file, next->after}} : overrides());
    auto out = config::load_document(path_, files_, nullptr, duration::zero());
    files_.replace({});
    return out;
  }

  /// Returns the content of the file after the edit, once the parser has accepted the configuration with
  /// it. Only that must be valid: an edit may correct what was wrong before.
  std::expected<planned_edit, edit_outcome> plan(const std::string& name, edit_kind kind,
                                                 const std::string& file, json settings,
                                                 const preconditions& conditions) {
    std::error_code ignored;
    if (std::filesystem::is_symlink(std::filesystem::symlink_status(file, ignored))) {
      return std::unexpected(edit_outcome{
          409, "The file " + file +
                   " is a link, which the API does not follow. Edit what it leads to by hand."});
    }
    if (std::filesystem::exists(file, ignored) && !own_.contain(file, name)) {
      return std::unexpected(edit_outcome{
          409,
          "The file " + file +
              " has more than the API writes, such as comments or another service, which would be "
              "lost. Edit it by hand."});
    }
    planned_edit out;
    auto content = content_of(file);
    if (!content) {
      return std::unexpected(
          edit_outcome{507, "Cannot read " + file + ": " + content.error().message() + '.'});
    }
    out.content.before = std::move(*content);
    const auto present = out.content.before
                             ? config::service_settings(*out.content.before, side_, name)
                             : std::nullopt;
    const auto tag = present ? std::optional(tag_of(name, *present)) : std::nullopt;
    const bool is_wanted = conditions.matches(tag) && conditions.differs(tag);
    if (!present && (!is_wanted || kind != edit_kind::replace)) {
      return std::unexpected(absent(name, kind, file));
    }
    if (!is_wanted) return std::unexpected(not_wanted());
    if (kind != edit_kind::remove) {
      auto made = new_settings(name, kind, present, std::move(settings));
      if (!made) return std::unexpected(refused(std::move(made.error())));
      out.content.after = config::service_text(side_, name, *made);
    }
    auto checked = load(file, out.content);
    if (!checked) return std::unexpected(why_refused(name, file, std::move(checked.error())));
    if (!is_included(file, out.content)) {
      return std::unexpected(edit_outcome{
          409, "The configuration on the disk does not include " + file +
                   " any more. Nothing was changed; reload the configuration, and try again."});
    }
    out.warnings = std::move(checked->warnings);
    std::erase_if(out.warnings, [&](const config::problem& each) { return each.file != file; });
    return out;
  }

  /// Returns whether the configuration that was read last includes `file`, before or after the edit `next`.
  bool is_included(const std::string& file, const file_change& next) {
    if (next.after) files_.replace({{file, next.after}});
    const auto files = files_.paths().files;
    files_.replace({});
    return std::ranges::find(files, file) != files.end();
  }

  /// Returns the settings of the service after the edit, or what is wrong with those of the request.
  std::expected<config::value_table, std::vector<config::problem>> new_settings(
      const std::string& name, edit_kind kind, const std::optional<config::value_table>& present,
      json settings) const {
    std::vector<config::problem> problems;
    if (kind == edit_kind::merge) {
      problems = config::service_reading(side_, name, removed_keys(settings, *present)).unknown();
      json merged = to_json(*present);
      merged.merge_patch(settings);
      settings = std::move(merged);
    }
    config::value_table made = to_settings(settings, key_of(name), problems);
    keep_secrets(made, present, key_of(name), problems);
    if (replaces_variables()) {
      refuse_new_variables(made, present ? &*present : nullptr, key_of(name), problems);
    }
    if (!problems.empty()) return std::unexpected(std::move(problems));
    return made;
  }

  /// Returns whether `${NAME}` in the configuration on the disk stands for a variable.
  [[nodiscard]] bool replaces_variables() const {
    const auto text = read_file(path_, {.size = config::limits::file_size});
    return !text || config::replaces_variables(*text);
  }

  /// Returns why there is nothing to change: the service has no file of its own.
  edit_outcome absent(const std::string& name, edit_kind kind, const std::string& file) {
    const auto present = load(file);
    if (!present) return invalid(present.error());
    if (auto other = elsewhere(*present, name, file)) return std::move(*other);
    if (kind == edit_kind::replace) return not_wanted();
    return edit_outcome{404, "There is no service of this name."};
  }

  /// Returns that the service is configured in another file than `file`, if it is.
  [[nodiscard]] std::optional<edit_outcome> elsewhere(const config::document& of,
                                                      const std::string& name,
                                                      const std::string& file) const {
    const std::string key = key_of(name);
    const std::string table(of.where.key_in_file(key));
    if (table != key) {
      return edit_outcome{409, "The service is one port of the range in [" + table +
                                   "]. Change the service " +
                                   config::quote_key(config::range_of(name)) + " instead."};
    }
    const config::position* const at = of.where.find(key);
    if (!at || of.where.files()[at->file] == file) return std::nullopt;
    return edit_outcome{409, "The service is configured in " + of.where.files()[at->file] +
                                 ", which the API does not change. Edit that file by hand."};
  }

  /// Returns why an edit is refused after which the configuration would have `problems`. `file` is that of the
  /// service.
  edit_outcome why_refused(const std::string& name, const std::string& file,
                           std::vector<config::problem> problems) {
    const auto present = load(file);
    if (present) {
      if (auto other = elsewhere(*present, name, file)) return std::move(*other);
    }
    const auto is_new = [&](const config::problem& each) {
      return each.level == config::severity::error &&
             (each.file == file || present ||
              std::ranges::find(present.error(), each) == present.error().end());
    };
    if (std::ranges::none_of(problems, is_new)) return invalid(std::move(problems));
    std::erase_if(problems, [&](const config::problem& each) {
      return each.level != config::severity::error && each.file != file;
    });
    return refused(std::move(problems));
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
  const entity_tags tags_;
  /// The edit that happens, and those that wait for it.
  std::list<io::event*> turns_;
};

}  // namespace rathole::admin
