#include "support/programs.hpp"

#include "support/settings.hpp"

#include <rathole/client/client.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/tcp.hpp>

namespace rathole::fuzz {

namespace {

using transport_type = transport::tcp<sim::runtime>;

template <class Program, class Settings>
class running final : public program {
 public:
  running(sim::world& world, std::string_view host, Settings settings)
      : program_(transport_type(world.make_runtime(host), {}), std::move(settings), observer_) {
    program_.async_run([ended = ended_](std::error_code ec) { *ended = ec; });
  }

 private:
  void do_stop(bool now) override { now ? program_.stop_now() : program_.stop(); }

  static inline null_observer observer_;
  Program program_;
};

}  // namespace

std::unique_ptr<program> run_server(sim::world& world, std::size_t pool_size) {
  config::server settings;
  settings.bind_addr = {"0.0.0.0", 2333};
  config::server_service& service = settings.services.emplace_back();
  service.name = service_name;
  service.bind_addr = {"0.0.0.0", 5202};
  service.token = token();
  service.pool.size = pool_size;
  using server_type = server_side::basic_server<transport_type>;
  return std::make_unique<running<server_type, config::server>>(world, "server",
                                                                std::move(settings));
}

std::unique_ptr<program> run_client(sim::world& world) {
  config::client settings;
  settings.remote_addr = {"server", 2333};
  config::client_service& service = settings.services.emplace_back();
  service.name = service_name;
  service.local_addr = {"127.0.0.1", 8080};
  service.token = token();
  using client_type = client_side::basic_client<transport_type>;
  return std::make_unique<running<client_type, config::client>>(world, "client",
                                                                std::move(settings));
}

}  // namespace rathole::fuzz
