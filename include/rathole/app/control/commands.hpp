#pragma once

#include <rathole/admin/target.hpp>
#include <rathole/app/control/admin_client.hpp>
#include <rathole/app/control/answer_json.hpp>
#include <rathole/app/control/event_stream.hpp>
#include <rathole/app/control/failure_text.hpp>
#include <rathole/app/control/service_rows.hpp>
#include <rathole/app/control/tables.hpp>
#include <rathole/text/escape.hpp>
#include <rathole/version.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// The exit status of `rathole status` for a program that is not ready.
inline constexpr int exit_not_ready = 3;

/// What a command that asks a running program wants.
struct control_request {
  /// The command, such as `status`.
  std::string command = {};
  /// What it is about: the id of a connection, or a log level; empty if it needs nothing.
  std::string operand = {};
  /// The service whose connections are wanted; empty for all.
  std::string service = {};
  /// The most connections that are listed.
  std::size_t limit = 1000;
  /// Whether the answer is printed as JSON.
  bool json = false;
  /// Whether the events to come are printed, too.
  bool follow = false;
};

/// Performs the commands that ask the admin API of a running program, and prints the answers. Texts from
/// peers are printed in a form that is safe for a terminal.
class control {
 public:
  /// Makes an object that asks `client`, prints answers to `out` and errors to `err`; they must outlive it.
  /// Tables are shortened to `max_width` columns, if there is such a limit.
  control(admin_client& client, std::ostream& out, std::ostream& err,
          std::optional<std::size_t> max_width = std::nullopt)
      : client_(client), out_(out), err_(err), max_width_(max_width) {}

  /// Performs a command; returns the exit status.
  int run(const control_request& wanted) {
    const std::string& command = wanted.command;
    if (command == "status") return status(wanted);
    if (command == "services") return services(wanted);
    if (command == "connections") return connections(wanted);
    if (command == "events") return events(wanted);
    if (command == "log-level") return log_level(wanted);
    if (command == "kick") {
      return act("DELETE", "connections/" + admin::percent_encoded(wanted.operand), wanted,
                 "The connection was reset.");
    }
    if (command == "reload") return reload(wanted);
    if (command == "drain") {
      return act("POST", "drain", wanted, "New visitors are refused; open connections go on.");
    }
    return act("POST", "undrain", wanted, "New visitors are accepted again.");
  }

 private:
  using json = nlohmann::ordered_json;

  static std::string path(const std::string& below) { return "/api/v1/" + below; }

  /// Returns the answer to a request; nothing if there is none or it is an error, which is printed.
  std::optional<json> ask(std::string_view method, const std::string& below,
                          std::string_view body = {}) {
    const auto answer = client_.ask(method, path(below), body);
    if (!answer) {
      print_error(answer.error());
      return std::nullopt;
    }
    if (answer->status == 204) return json::object();
    json value = parse_answer(answer->body);
    if (answer->status < 300 && value.is_object()) return value;
    print_error(*answer);
    return std::nullopt;
  }

  void print_error(std::string_view what) { err_ << "Error: " << text::printable(what) << '\n'; }

  void print_error(const admin_answer& answer) {
    const json body = parse_answer(answer.body);
    if (answer.status < 400 || !member_of(body, "detail").is_string()) {
      return print_error(not_our_api_text(client_.endpoint(), answer.status));
    }
    if (answer.status == 401) return print_error(token_text(client_.endpoint()));
    print_error(text_of(body["detail"]));
    for (const json& each : member_of(body, "problems")) {
      std::string line = "  ";
      if (each.contains("file"))
        line += text_of(member_of(each, "file")) + position_of(each) + ": ";
      const std::string key = text_of(member_of(each, "key"));
      line += (key.empty() ? "" : key + ": ") + text_of(member_of(each, "what"));
      if (const std::string remedy = text_of(member_of(each, "remedy")); !remedy.empty()) {
        line += "; " + remedy;
      }
      err_ << text::printable(line) << '\n';
    }
  }

  /// Returns the answer to a `GET`; it is printed already if JSON is wanted.
  std::optional<json> read(const std::string& below, const control_request& wanted) {
    auto answer = ask("GET", below);
    if (!answer) return std::nullopt;
    if (wanted.json) out_ << json_line(*answer) << '\n';
    return answer;
  }

  int status(const control_request& wanted) {
    const auto found = read("status", wanted);
    if (!found) return EXIT_FAILURE;
    const json& is = *found;
    const json& ready = member_of(is, "ready");
    const bool is_ready = ready.is_boolean() && ready.get<bool>();
    if (!wanted.json) {
      out_ << "rathole " << text::printable(text_of(member_of(is, "mode"))) << ' '
           << text::printable(text_of(member_of(is, "version"))) << ", "
           << text::printable(text_of(member_of(is, "state"))) << ", "
           << (is_ready ? "ready"
                        : "not ready: " + text::printable(text_of(member_of(is, "reason"))))
           << '\n';
      const auto line = [this](const char* name, const std::string& value) {
        out_ << "  " << name << std::string(14 - std::string_view(name).size(), ' ') << value
             << '\n';
      };
      const auto count = [&is](const char* table, const char* name) {
        return std::to_string(number_of(member_of(member_of(is, table), name)));
      };
      line("up for", age_text(seconds_of(member_of(is, "uptime_seconds"))));
      line("transport", text::printable(text_of(member_of(is, "transport"))));
      line("services", count("services", "up") + " of " + count("services", "total") + " up");
      line("connections", count("connections", "active") + " active, " +
                              count("connections", "total") + " in all");
      line("received", bytes_text(number_of(member_of(member_of(is, "bytes"), "received"))));
      line("sent", bytes_text(number_of(member_of(member_of(is, "bytes"), "sent"))));
      const std::string refused = std::to_string(number_of(member_of(is, "visitors_refused")));
      if (text_of(member_of(is, "mode")) == "client") {
        // A visitor may not have come yet for a data channel that failed.
        line("failed", refused + " data channels");
      } else {
        line("refused", refused + " visitors");
      }
    }
    return is_ready ? EXIT_SUCCESS : exit_not_ready;
  }

  int services(const control_request& wanted) {
    const auto found = read("services", wanted);
    if (!found) return EXIT_FAILURE;
    if (wanted.json) return EXIT_SUCCESS;
    // Whoever reads the table needs the name and the address for the next command.
    text_table table({{.heading = "SERVICE", .shrink_order = 2},
                      {.heading = "TYPE"},
                      {.heading = "STATE"},
                      {.heading = "ADDRESS", .shrink_order = 3},
                      {.heading = "PEER", .shrink_order = 1},
                      {.heading = "ACTIVE", .right = true},
                      {.heading = "RECEIVED", .right = true},
                      {.heading = "SENT", .right = true}});
    for (const json& each : member_of(*found, "services")) {
      table.add(service_row(each));
      const json& clients = member_of(each, "clients");
      if (clients.size() < 2) continue;
      for (const json& one : clients) table.add(client_row(one));
    }
    out_ << table.text(max_width_);
    for (const json& each : member_of(*found, "services")) {
      for (const std::string& line : down_lines(each)) out_ << text::printable(line) << '\n';
    }
    return EXIT_SUCCESS;
  }

  int connections(const control_request& wanted) {
    std::string below = "connections?limit=" + std::to_string(wanted.limit);
    if (!wanted.service.empty()) below += "&service=" + admin::percent_encoded(wanted.service);
    const auto answer = ask("GET", below);
    if (!answer) return EXIT_FAILURE;
    const json& list = member_of(*answer, "connections");
    if (list.empty() && !wanted.service.empty() && !has_service(wanted.service)) {
      print_error("There is no service `" + wanted.service + "`; `services` lists them.");
      return EXIT_FAILURE;
    }
    if (wanted.json) {
      out_ << json_line(*answer) << '\n';
      return EXIT_SUCCESS;
    }
    text_table table({{.heading = "ID", .right = true},
                      {.heading = "SERVICE", .shrink_order = 1},
                      {.heading = "VISITOR", .shrink_order = 2},
                      {.heading = "FOR", .right = true},
                      {.heading = "RECEIVED", .right = true},
                      {.heading = "SENT", .right = true}});
    for (const json& each : list) {
      const std::string visitor = text_of(member_of(each, "visitor"));
      table.add({std::to_string(number_of(member_of(each, "id"))),
                 text_of(member_of(each, "service")), visitor.empty() ? "-" : visitor,
                 age_text(seconds_of(member_of(each, "seconds"))),
                 bytes_text(number_of(member_of(each, "received"))),
                 bytes_text(number_of(member_of(each, "sent")))});
    }
    out_ << table.text(max_width_);
    const std::uint64_t total = number_of(member_of(*answer, "total"));
    if (total > list.size()) out_ << "... and " << total - list.size() << " more\n";
    return EXIT_SUCCESS;
  }

  /// Returns false if the running program says that it has no service `name`.
  bool has_service(const std::string& name) {
    const auto answer = client_.ask("GET", path("services/" + admin::percent_encoded(name)));
    return !answer || answer->status != 404;
  }

  int events(const control_request& wanted) {
    const std::string target =
        path(wanted.follow ? "events?last_event_id=0" : "events?last_event_id=0&follow=false");
    const auto print = [this, &wanted](const received_event& each) {
      if (wanted.json) {
        // The data has an `id`, too: that of a connection.
        json line{{"event", each.name}};
        if (each.id != 0) line["event_id"] = each.id;
        const json data = parse_answer(each.data);
        if (data.is_object()) line.update(data);
        out_ << json_line(line) << '\n';
      } else {
        out_ << event_line(each) << '\n';
      }
      out_.flush();
      return out_.good();
    };
    const auto ended = client_.follow(target, print, wanted.follow);
    if (ended && ended->status == 200 && ended->is_event_stream()) return EXIT_SUCCESS;
    if (ended) {
      print_error(*ended);
    } else {
      print_error(ended.error());
    }
    return EXIT_FAILURE;
  }

  /// Returns the line of an event: its time, its name, and its other members as `name=value`.
  static std::string event_line(const received_event& event) {
    const json data = parse_answer(event.data);
    const std::string time = text_of(member_of(data, "time"));
    std::string out = time.empty() ? "-" : time;
    out += ' ' + event.name;
    if (!data.is_object()) return text::printable(out);
    for (const auto& [key, value] : data.items()) {
      if (key == "time" || value.is_null()) continue;
      out += ' ' + key + '=' + (value.is_string() ? value.get<std::string>() : json_line(value));
    }
    return text::printable(out);
  }

  int log_level(const control_request& wanted) {
    const json body{{"level", wanted.operand}};
    const auto answer =
        wanted.operand.empty() ? ask("GET", "log/level") : ask("PUT", "log/level", json_line(body));
    if (!answer) return EXIT_FAILURE;
    out_ << (wanted.json ? json_line(*answer)
                         : text::printable(text_of(member_of(*answer, "level"))))
         << '\n';
    return EXIT_SUCCESS;
  }

  int reload(const control_request& wanted) {
    const auto answer = ask("POST", "reload");
    if (!answer) return EXIT_FAILURE;
    const bool is_applied = text_of(member_of(*answer, "result")) == "applied";
    out_ << (wanted.json  ? json_line(*answer)
             : is_applied ? "The changed configuration is in use."
                          : "The configuration has not changed.")
         << '\n';
    return EXIT_SUCCESS;
  }

  int act(std::string_view method, const std::string& below, const control_request& wanted,
          const char* done) {
    const auto answer = ask(method, below);
    if (!answer) return EXIT_FAILURE;
    out_ << (wanted.json ? json_line(*answer) : done) << '\n';
    return EXIT_SUCCESS;
  }

  admin_client& client_;
  std::ostream& out_;
  std::ostream& err_;
  std::optional<std::size_t> max_width_;
};

}  // namespace rathole::app::inline RATHOLE_ABI
