#!/bin/sh
# Checks that texts which exist in two places agree: each C++ and TOML snippet of the pages is the
# file of examples/ that the comment above it names, docs/configuration.md has every key that the
# parser reads, docs/embedding.md has every event with its members, and the files that pages link to
# or name exist.
#
#   in_step.sh <root>           prints what differs; exits 1 if something does
#   in_step.sh --self-test      must see planted differences
#
# The line above a snippet is one of
#   <!-- examples/FILE -->          the snippet is the whole file
#   <!-- examples/FILE PART -->     the lines between `// [PART]` and `// [PART end]`, unindented
#   <!-- WORDS -->                  TOML only: the snippet is of another program, or a sketch
set -eu

# Writes each snippet of a page to <folder>/<number>, and to standard output a line for each:
# <number> <line> <language> <the comment's words>.
list_snippets() {
  awk -v folder="$2" '
    /^```(cpp|toml)$/ && !inside {
      inside = 1; file = folder "/" ++count; printf "" > file
      note = previous ~ /^<!-- .* -->$/ ? substr(previous, 6, length(previous) - 9) : ""
      print count, NR, substr($0, 4), note
      next
    }
    /^```/ && inside { inside = 0; close(file); next }
    inside { print > file }
    { previous = $0 }' "$1"
}

# print_part <file> <part>: the part without the indentation of its first line.
print_part() {
  awk -v part="$2" '
    $1 == "//" && $2 == "[" part && $3 == "end]" { exit }
    found { if (!width) { match($0, /^ */); width = RLENGTH + 1 }; print substr($0, width) }
    $1 == "//" && $2 == "[" part "]" { found = 1 }' "$1"
}

# check_snippet <root> <snippet> <language> <word>...: prints why it differs from what its comment
# names.
check_snippet() {
  root=$1 snippet=$2 language=$3
  shift 3
  case ${1-} in
    examples/*)
      [ -f "$root/$1" ] || { echo "there is no $1"; return; }
      if [ $# = 1 ]; then
        cmp -s "$root/$1" "$snippet" || echo "the snippet is not $1"
      else
        print_part "$root/$1" "$2" | cmp -s - "$snippet" || echo "the snippet is not part $2 of $1"
      fi ;;
    '') echo "no comment above the snippet says which file of examples/ it is" ;;
    *) [ "$language" = toml ] || echo "the comment above the snippet names no file of examples/" ;;
  esac
}

# list_keys <file>...: the keys that the parser of configurations reads.
list_keys() {
  cat "$@" | tr -s ' \n' '  ' |
    grep -oE '(string|boolean|secret_string|string_or_strings|integer<[^>]*>|table|read_[a-z_]+|keepalive)\( ?([a-z_.*]+, )?"[a-z0-9_]+"' |
    grep -oE '"[a-z0-9_]+"' | tr -d '"' | sort -u
}

# list_events <file>...: for each event the beginning of its row in a table, with its members.
list_events() {
  awk '
    /^struct [a-z_]+ \{/ { name = $2; members = ""; inside = 1 }
    inside && /^  [a-z].*;$/ {
      sub(/( = .*|\{\})?;$/, "")
      members = members (members ? ", " : "") "`" $NF "`"
    }
    inside && /};$/ {
      print "| `" name "` | " members (members ? " " : "") "|"
      inside = 0
    }' "$@"
}

# check_files <root> <page>: prints the files that a page links to or names, and that do not exist.
check_files() {
  sed '/^```/,/^```/d' "$2" | grep -oE '\]\([^)#: ]+' | sed 's/^](//' | sort -u |
    while read -r link; do
      case $link in http | https) continue ;; esac
      [ -e "$(dirname "$2")/$link" ] || echo "${2#"$1"/}: links to $link, which does not exist"
    done
  grep -oE '`[a-z_]+/[a-z_/0-9.-]+\.(hpp|cpp|sh|awk|py|cmake)`' "$2" | tr -d '`' | sort -u |
    while read -r name; do
      [ -e "$1/$name" ] || [ -e "$1/include/$name" ] || [ -e "$1/include/rathole/$name" ] ||
        echo "${2#"$1"/}: names $name, which does not exist"
    done
}

in_step() {
  status=0
  work=$(mktemp -d)
  for page in "$1"/*.md "$1"/docs/*.md; do
    [ -f "$page" ] || continue
    list_snippets "$page" "$work" > "$work/list"
    while read -r number line language words; do
      # shellcheck disable=SC2086 # the words are file and part
      why=$(check_snippet "$1" "$work/$number" "$language" $words)
      [ -z "$why" ] || { echo "${page#"$1"/}:$line: $why"; status=1; }
    done < "$work/list"
    why=$(check_files "$1" "$page")
    [ -z "$why" ] || { echo "$why"; status=1; }
  done
  rm -r "$work"
  grep -qxF '<!-- examples/embedded_forward.cpp -->' "$1/README.md" ||
    { echo "README.md: does not show examples/embedded_forward.cpp"; status=1; }
  for key in $(list_keys "$1"/include/rathole/config/*.hpp); do
    grep -q "\`\[*$key\]*\`" "$1/docs/configuration.md" ||
      { echo "docs/configuration.md: does not have the key $key"; status=1; }
  done
  list_events "$1"/include/rathole/*/events.hpp > "$work.events"
  while read -r row; do
    grep -qF "$row" "$1/docs/embedding.md" ||
      { echo "docs/embedding.md: does not have the event $row"; status=1; }
  done < "$work.events"
  rm "$work.events"
  return $status
}

if [ "$1" != --self-test ]; then
  in_step "$1"
  exit
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/examples" "$root/docs" "$root/include/rathole/config" "$root/include/rathole/client"

plant() {
  printf 'int main() {}\n' > "$root/examples/embedded_forward.cpp"
  printf 'int f() {\n  // [inner]\n  if (x) {\n    y();\n  }\n  // [inner end]\n}\n' \
    > "$root/examples/parts.cpp"
  printf '# r\n```sh\nx\n```\n<!-- examples/embedded_forward.cpp -->\n```cpp\nint main() {}\n```\n' \
    > "$root/README.md"
  printf '<!-- examples/parts.cpp inner -->\n```cpp\nif (x) {\n  y();\n}\n```\n' > "$root/docs/a.md"
  printf 'See [a](a.md), `config/toml.hpp`, [the web](https://example.com).\n' > "$root/docs/c.md"
  printf '<!-- frp -->\n```toml\na = 1\n```\n' > "$root/docs/b.md"
  printf '| `workers` | |\n' > "$root/docs/configuration.md"
  printf 'x = read_count(table, "workers", 0);\n' > "$root/include/rathole/config/toml.hpp"
  printf 'struct ready {};\nstruct ended {\n  int id;\n  bool broke = false;\n  duration lasted{};\n};\n' \
    > "$root/include/rathole/client/events.hpp"
  printf '| `ready` | | x |\n| `ended` | `id`, `broke`, `lasted` | y |\n' > "$root/docs/embedding.md"
}
# must_see <what>: the difference that was just planted; takes it away again.
must_see() {
  if in_step "$root" > /dev/null; then echo "did not see $1"; exit 1; fi
  plant
}

plant
in_step "$root" || { echo "saw a difference that is not there"; exit 1; }
printf 'int main() { }\n' > "$root/examples/embedded_forward.cpp"
must_see "the other example"
printf '# r\n' > "$root/README.md"
must_see "that the README has no example"
sed -i 's/y()/z()/' "$root/examples/parts.cpp"
must_see "the other part"
sed -i 's/inner/outer/' "$root/docs/a.md"
must_see "a part that is not there"
printf '```cpp\nint x;\n```\n' >> "$root/docs/a.md"
must_see "a snippet without a comment"
printf '<!-- sketch -->\n```cpp\nint x;\n```\n' >> "$root/docs/a.md"
must_see "C++ that is of no file"
printf '<!-- examples/none.toml -->\n```toml\nx = 1\n```\n' >> "$root/docs/b.md"
must_see "a file that is not there"
printf 'See [there](d.md#x).\n' >> "$root/docs/b.md"
must_see "a link to nowhere"
printf 'See `config/parse.hpp`.\n' >> "$root/docs/b.md"
must_see "the name of a file that is not there"
printf 'auto x = read_seconds(\n    table, "grace", 0);\n' >> "$root/include/rathole/config/toml.hpp"
must_see "a key that is not in the page"
sed -i 's/int id/int number/' "$root/include/rathole/client/events.hpp"
must_see "an event with another member"
sed -i '/ready/d' "$root/docs/embedding.md"
must_see "an event that is not in the page"
