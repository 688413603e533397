// The program `rathole`: forwards TCP and UDP services through a server with a public address.
//
//   rathole config.toml      run the server or client that the file describes
//   rathole demo             show a tunnel on this machine
//   rathole --help           the rest

#include <rathole/app/main.hpp>

int main(int argc, char** argv) { return rathole::app::main(argc, argv); }
