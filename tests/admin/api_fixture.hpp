#pragma once

#include "../support/file_text.hpp"
#include "../support/temp_dir.hpp"

#include <rathole/admin/api.hpp>
#include <rathole/admin/backend.hpp>
#include <rathole/admin/control_plane.hpp>
#include <rathole/admin/event_log.hpp>
#include <rathole/admin/message.hpp>
#include <rathole/admin/service_editor.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/config/load.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/config/toml_service.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/io/task.hpp>

#include <doctest/doctest.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// A program that is only pretended: it has the services of its configuration, which it reads when it is
/// asked to.
class pretended_program final : public backend {
 public:
  explicit pretended_program(std::string path) : path_(std::move(path)) { load(); }

  std::string unready(bool needs_services) override {
    if (is_draining) return "draining";
    return needs_services && !serves_all ? "1 of 2 services can be reached" : "";
  }
  bool serves_all = true;
  snapshot read() override {
    snapshot out{.transport = "tcp", .state = program_state::running};
    out.unready = unready(false);
    for (const auto& each : services_) {
      service_statistics one{.name = each.name, .kind = each.kind};
      const std::string key = config::service_key(config::side::server, each.name);
      const auto* const at = where_->find(key);
      if (where_->key_in_file(key) != key) one.range = config::range_of(each.name);
      one.file = at ? where_->files()[at->file] : where_->file();
      out.services.push_back(std::move(one));
    }
    return out;
  }
  connection_list connections(const std::optional<std::string>& service,
                              std::size_t most) override {
    connection_list out;
    out.total = 2;
    if (service && *service != "web") out.total = 0;
    for (std::size_t i = out.total; i > 0 && out.connections.size() < most; --i) {
      out.connections.push_back({.id = i, .service = "web", .visitor = "203.0.113.9:51000"});
    }
    return out;
  }
  traffic recent_traffic() override { return {.received = {1}, .sent = {2}, .active = {3}}; }
  std::string settings_text() override { return "{}"; }
  bool cut(std::uint64_t id) override { return id == 1; }
  void service_edited(const std::string& name, std::string_view how) override {
    edits.push_back(name + ' ' + std::string(how));
  }
  io::awaitable<reload_outcome> reload() override {
    ++reloads;
    if (on_reload) std::exchange(on_reload, nullptr)();
    if (next_outcome) co_return *std::exchange(next_outcome, std::nullopt);
    co_return load();
  }
  void drain(bool on) override { is_draining = on; }
  std::string log_level() override { return level; }
  bool set_log_level(std::string_view text) override {
    if (text == "nonsense") return false;
    level = text;
    return true;
  }

  bool is_draining = false;
  int reloads = 0;
  std::vector<std::string> edits;
  std::string level = "info";
  /// What happens when the next reload begins.
  std::function<void()> on_reload;
  /// How the next reload ends, instead of loading.
  std::optional<reload_outcome> next_outcome;

 private:
  reload_outcome load() {
    auto loaded = config::load_document(path_);
    if (!loaded) return {reload_outcome::kind::invalid, std::move(loaded.error()), {}};
    services_ = loaded->settings.server->services;
    where_.emplace(std::move(loaded->where));
    return {.what = reload_outcome::kind::applied};
  }

  const std::string path_;
  std::vector<config::server_service> services_;
  std::optional<config::source> where_;
};

/// The admin API of a pretended program, with a configuration in a folder of its own.
struct api_fixture {
  explicit api_fixture(config::admin_options with = {}) : options(std::move(with)) {
    std::filesystem::create_directory(folder.path() / "services.d");
    options.services_dir = "services.d";
    folder.write("server.toml", main_text);
    program.emplace(path("server.toml"));
    link.emplace(*program, context.get_executor());
    editor.emplace(*link, path("server.toml"), config::side::server, options.services_dir);
    answers.emplace(*link, *editor, events, options);
  }

  static constexpr std::string_view main_text = R"([server]
bind_addr = "0.0.0.0:2333"
default_token = "the default"
[server.admin]
bind_addr = "unix:/run/rathole/admin.sock"
services_dir = "services.d"
[server.services.web]
bind_addr = "0.0.0.0:8080"
)";

  [[nodiscard]] std::string path(std::string_view name) const {
    return (folder.path() / name).string();
  }
  [[nodiscard]] bool has_file(std::string_view name) const {
    return std::filesystem::exists(path(name));
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    return test::file_text(path(name));
  }

  /// Returns the answer to a request with the fields that a client sends.
  response ask(const std::string& method, const std::string& target, const std::string& body = "",
               std::vector<http::field> fields = {}) {
    request asked{.method = method, .target = target, .body = body};
    asked.head.fields = std::move(fields);
    if (!asked.head.has("Host")) asked.head.fields.push_back({"Host", "localhost"});
    if (!asked.head.has("X-Rathole-Request")) {
      asked.head.fields.push_back({"X-Rathole-Request", "1"});
    }
    if (!body.empty() && !asked.head.has("Content-Type")) {
      asked.head.fields.push_back({"Content-Type", "application/json"});
    }
    std::optional<response> out;
    context.restart();
    auto work = answers->answer(asked);
    asio::co_spawn(context, std::move(work), [&out](std::exception_ptr error, response got) {
      if (!error) out = std::move(got);
    });
    context.run();
    REQUIRE(out);
    return std::move(*out);
  }
  json ask_json(const std::string& method, const std::string& target,
                const std::string& body = "") {
    return json::parse(ask(method, target, body).body);
  }

  config::admin_options options;
  test::temp_dir folder;
  asio::io_context context{1};
  event_log events;
  std::optional<pretended_program> program;
  std::optional<control_plane> link;
  std::optional<service_editor> editor;
  std::optional<api> answers;
};

}  // namespace rathole::admin
