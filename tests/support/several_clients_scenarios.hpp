#pragma once

#include "our_program.hpp"
#include "services.hpp"
#include "transport_tables.hpp"
#include "tunnel.hpp"
#include "visitors.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace rathole::test {

/// A server of ours whose service "web" three clients serve, each with a service of its own that names
/// itself: "0", "1" and "2".
class three_clients {
 public:
  /// `programs` are those of the clients, and `by` the transport of each.
  three_clients(const std::array<std::string, 3>& programs, const std::string& server_keys,
                const std::array<transport_tables, 3>& by = {tcp(), tcp(), tcp()})
      : port_(reserve_both()), entry_(reserve_both()) {
    service_entry web{"web", entry_};
    web.keys = server_keys;
    const std::string text = server_toml(port_, {web}, "", by[0].server);
    server.emplace(our_program(), arguments("--server", "server.toml", text));
    eventually([this] { return !refused(port_); });
    for (std::size_t i = 0; i < programs.size(); ++i) {
      services_[i] = std::make_unique<service>([i](tcp_socket& socket) {
        char question[16];
        socket.receive_some(question, sizeof question);
        socket.send_all(std::to_string(i));
        socket.shutdown_write();
      });
      programs_[i] = programs[i];
      files_[i] = client_toml(port_, {{"web", services_[i]->port()}}, "", by[i].client);
    }
  }

  /// Starts a client, which must not run.
  void start(std::size_t i) {
    clients[i].emplace(programs_[i],
                       arguments("--client", "client" + std::to_string(i) + ".toml", files_[i]));
  }
  /// Starts all clients and returns once each serves.
  void start_all() {
    for (std::size_t i = 0; i < clients.size(); ++i) start(i);
    std::map<std::string, int> seen;
    CHECK_MESSAGE(eventually([&] {
                    ++seen[ask()];
                    seen.erase("");
                    return seen.size() == clients.size();
                  }),
                  logs());
  }

  /// Returns what a visitor is answered; empty if it is not.
  std::string ask() const {
    try {
      auto visitor = tcp_socket::try_connect(entry_, std::chrono::seconds{10});
      if (!visitor) return {};
      visitor->send_all("who?");
      return visitor->receive_all();
    } catch (const std::system_error&) {
      return {};
    }
  }

  std::string logs() const {
    std::string text = "server:\n" + server->output();
    for (const auto& each : clients) {
      if (each) text += "\nclient:\n" + each->output();
    }
    return text;
  }

  std::optional<process> server;
  std::array<std::optional<process>, 3> clients;

 private:
  std::vector<std::string> arguments(const char* mode, const std::string& file,
                                     const std::string& text) {
    return {mode, directory_.write(file, text)};
  }

  temp_dir directory_;
  reserved_port port_;
  reserved_port entry_;
  std::array<std::unique_ptr<service>, 3> services_;
  std::array<std::string, 3> programs_;
  std::array<std::string, 3> files_;
};

namespace scenario {

/// The clients share the visitors; one of them is killed under load, and no visitor is refused.
inline void one_of_three_dies(three_clients& all) {
  all.start_all();
  std::map<std::string, int> shares;
  for (int i = 0; i < 60; ++i) ++shares[all.ask()];
  for (const char* each : {"0", "1", "2"}) {
    CAPTURE(each);
    CHECK_MESSAGE(shares[each] >= 15, all.logs());
    CHECK(shares[each] <= 25);
  }
  std::atomic<bool> stops = false;
  std::atomic<int> lost = 0;
  std::atomic<int> answered = 0;
  std::vector<std::thread> crowd;
  for (int i = 0; i < 4; ++i) {
    crowd.emplace_back([&] {
      while (!stops) ++(all.ask().empty() ? lost : answered);
    });
  }
  const auto carry_on = [&](int visitors) {
    const int enough = answered + visitors;
    CHECK(eventually([&] { return answered >= enough; }));
  };
  carry_on(100);
  all.clients[1]->kill();
  carry_on(200);
  all.clients[1].reset();
  all.start(1);
  carry_on(200);
  stops = true;
  for (std::thread& each : crowd) each.join();
  // Only a connection that the client was carrying when it died is lost with it: at most one of each thread.
  CHECK_MESSAGE(lost <= 4, all.logs());
  CHECK(eventually([&] { return all.ask() == "1"; }));
}

}  // namespace scenario

}  // namespace rathole::test
