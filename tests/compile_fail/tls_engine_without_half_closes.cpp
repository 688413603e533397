// expect: ce.half_closes()
#include <rathole/tls/engine.hpp>

using rathole::result;

struct engine {
  struct client_setup {
    static std::expected<client_setup, std::string> make(const rathole::tls::trust& roots);
  };
  struct server_setup {
    static std::expected<server_setup, std::string> make(const rathole::tls::identity& shown);
  };
  static result<engine> client(const client_setup& setup, std::string_view host);
  static result<engine> server(const server_setup& setup);
  result<void> start(rathole::byte_buffer& wire);
  result<void> receive(rathole::byte_view in, rathole::byte_buffer& app,
                       rathole::byte_buffer& wire);
  result<void> send(rathole::byte_view in, rathole::byte_buffer& wire);
  result<void> close(rathole::byte_buffer& wire);
  rathole::phase state() const;
  rathole::tls::session_summary summary() const;
#ifdef VALID
  bool half_closes() const;
#endif
};

static_assert(rathole::tls::TlsEngine<engine>);
