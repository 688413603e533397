# Which folder may include which, and whose headers, and what a header may not name.
BEGIN {
  # A layer sees itself and what stands here.
  sees["core"] = ""
  sees["crypto"] = "core"
  below2 = "core crypto"
  sees["protocol"] = below2; sees["noise"] = below2; sees["http"] = below2
  sees["proxy_protocol"] = "core"; sees["config"] = below2 " proxy_protocol"
  sees["mux"] = below2
  sees["websocket"] = below2 " http"; sees["proxy"] = below2 " http"
  below3 = below2 " protocol noise http websocket proxy proxy_protocol mux config"
  sees["crypto/botan"] = below3; sees["crypto/openssl"] = below3
  ciphers = "crypto/botan crypto/openssl"
  sees["noise/suites"] = below3 " " ciphers
  sees["tls"] = below3 " " ciphers
  sees["config/parse"] = below3
  below4 = below3 " " ciphers " noise/suites tls config/parse"
  sees["io"] = below4
  sees["transport"] = below4 " io"
  sees["client"] = below4 " io transport"
  sees["server"] = below4 " io transport"
  sees["text"] = below4 " io transport client server"
  sees["embed"] = below4 " io transport client server text"
  sees["admin"] = below4 " io transport client server text"
  sees["app"] = below4 " io transport client server text embed admin umbrella"
  sees["sim"] = "core crypto protocol io"
  sees["umbrella"] = below4 " io transport client server text embed"

  # So do the rooms of io; each sees io/task.hpp and io/concepts.hpp, too.
  room_sees["socket"] = ""; room_sees["run"] = ""
  room_sees["poll"] = "socket run"; room_sees["time"] = "run"; room_sees["resolve"] = "run"
  room_sees["unix"] = "socket"
  room_sees["tcp"] = "socket run poll time resolve unix"; room_sees["udp"] = "socket run poll"
  room_sees["pace"] = "socket run time"
  room_sees["relay"] = "socket run poll time mux pace"; room_sees["stream"] = "socket run time"
  room_sees["files"] = "socket run poll time"
  room_sees["mux"] = "socket run time stream"

  drivers = "io transport client server text embed admin app sim umbrella"
  home["asio"] = drivers
  home["toml++"] = "config/parse"
  home["botan"] = "crypto/botan tls"; home["openssl"] = "crypto/openssl tls"
  home["spdlog"] = "app"; home["fmt"] = "app"; home["CLI"] = "app"; home["nlohmann"] = "admin app"
  split("sys/ unistd.h fcntl.h netinet/ netdb.h arpa/ poll.h pwd.h grp.h signal.h csignal thread mutex " \
        "condition_variable iostream fstream", system_headers, " ")
  split("crypto/system_rng.hpp core/file_identity.hpp core/read_file.hpp tls/reloading.hpp " \
        "tls/openssl/setup.hpp config/socket_owner.hpp", system_users, " ")
}

# The layer of a header, by its path below rathole/.
function layer(path) {
  if (path == "version.hpp" || path == "fwd.hpp") return "core"
  if (path == "rathole.hpp" || path == "src.hpp") return "umbrella"
  # The public classes stand directly in rathole/, what they are made of in embed/.
  if (path !~ /\//) return "embed"
  if (path ~ /^config\/(parse|load|toml)[^\/]*$/) return "config/parse"
  if (path ~ /^crypto\/botan\//) return "crypto/botan"
  if (path ~ /^crypto\/openssl\//) return "crypto/openssl"
  if (path ~ /^noise\/(suites|context)\.hpp$/) return "noise/suites"
  return substr(path, 1, index(path, "/") - 1)
}
# The room of a header of io; empty for one that stands in io itself.
function room(path) {
  if (path !~ /^io\/[^\/]+\//) return ""
  sub(/^io\//, "", path)
  return substr(path, 1, index(path, "/") - 1)
}
function check_room(target,   own, other) {
  own = room(name)
  if (own == "" || target !~ /^io\//) return
  other = room(target)
  if (other == own || (other != "" && among(other, room_sees[own]))) return
  if (target == "io/task.hpp" || target == "io/concepts.hpp") return
  wrong("`io/" own "` must not include " target)
}
function among(word, list) { return index(" " list " ", " " word " ") > 0 }
function wrong(what) { print FILENAME ":" FNR ": " what; bad = 1 }
function may_use_system(name,   i) {
  if (among(from, drivers)) return 1
  for (i in system_users) if (name == system_users[i]) return 1
  return 0
}

# Ends a header: what looks at the parts that are built in must have its code in the inline namespace.
function finish() {
  if (looks_at_parts && !is_keyed) {
    print previous ":1: tests RATHOLE_WITH_... but has nothing in `inline RATHOLE_ABI`"
    bad = 1
  }
  looks_at_parts = is_keyed = 0
  previous = FILENAME
}

FNR == 1 {
  finish()
  name = FILENAME
  sub(/^include\/rathole\//, "", name)
  from = layer(name)
  if (!(from in sees)) wrong("folder `" from "` is in no layer")
  if (room(name) != "" && !(room(name) in room_sees)) wrong("room `" room(name) "` of io is unknown")
}
# Texts in other languages than C++ are as long as they are.
FNR == 351 && name !~ /^admin\/(dashboard_|openapi)/ { wrong("header of more than 350 lines") }

/^[ \t]*#[ \t]*include/ {
  if ($0 ~ /"/) { wrong("include with quotation marks; write <rathole/...>"); next }
  target = $0
  sub(/^[^<]*</, "", target); sub(/>.*$/, "", target)
  if (target ~ /^rathole\//) {
    to = layer(substr(target, 9))
    if (to != from && !among(to, sees[from])) wrong("`" from "` must not include `" to "`: " target)
    check_room(substr(target, 9))
    next
  }
  project = target
  sub(/\/.*$/, "", project); sub(/\.hpp$/, "", project)
  if ((project in home) && !among(from, home[project]))
    wrong("`" from "` must not include " project ": " target)
  for (i in system_headers)
    if (index(target, system_headers[i]) == 1 && !may_use_system(name))
      wrong("`" from "` must not include <" target ">: no input, output or threads below io")
}

{
  line = $0
  sub(/\/\/.*$/, "", line)
  if (line ~ /#[ \t]*if.*RATHOLE_WITH_/) looks_at_parts = 1
  if (line ~ /^namespace .*inline RATHOLE_ABI/) is_keyed = 1
  # The public classes, and what they are made of, can be given to another unit.
  if ((from == "umbrella" || from == "embed") && line ~ /^namespace rathole(::embed[a-z_:]*)? \{/)
    wrong("open `namespace rathole::inline RATHOLE_ABI` or `rathole::embed::inline RATHOLE_ABI`")
  # Certificates are valid by the calendar, and for the validator of the TLS library.
  # Nor does a pipe deliver in no time.
  if (line ~ /clock::now *\(/ && !among(from, drivers) && name != "tls/botan/trust.hpp" &&
      name != "tls/certificate_dates.hpp" &&
      name != "core/read_file.hpp")
    wrong("`" from "` must not read a clock: time is an argument")
  # Opening a pipe waits for its writer, and writing to a stream for its reader. A path alone (O_PATH) is not opened.
  if (line ~ /(^|[^A-Za-z_0-9])(fopen *\(|ifstream|ofstream)|::open *\(.*O_/ && line !~ /O_PATH/ &&
      name != "core/read_file.hpp")
    wrong("files are read by core/read_file.hpp only, which never waits")
  if (line ~ /(^|[^A-Za-z_0-9])errno([^A-Za-z_0-9].*)?_category|_category.*[^A-Za-z_0-9]errno/ &&
      name != "core/last_error.hpp")
    wrong("core/last_error.hpp makes an error of errno")
  if (line ~ /std::(cout|cerr|clog)|(^|[^A-Za-z_0-9])(printf|fprintf|puts|fputs|fwrite|fflush) *\(/ &&
      name != "app/main.hpp")
    wrong("only app/main.hpp names the standard streams: they wait for their reader")
  if (line ~ /(^|[^A-Za-z_0-9])detached([^A-Za-z_0-9]|$)/ && name != "io/run/task_group.hpp")
    wrong("`detached` only in io/run/task_group.hpp")
}
END { finish(); exit bad }
