# Forms around co_await of which g++ 12 destroys a temporary twice, without a warning. Sources are
# read as statements: comments and literals are dropped, and `;`, `{` and `}` end one.

function flag(what) { print FILENAME ":" start ": " what; bad = 1 }

# `line` without literals and comments; carries an open /* */ over to the next line.
function bare(line) {
  gsub(/\\\\/, "", line); gsub(/\\"/, "", line); gsub(/\\'/, "", line)
  gsub(/"[^"]*"/, "\"\"", line)
  gsub(/'[^']'/, "0", line)
  if (in_comment) {
    if (!sub(/^.*\*\//, "", line)) return ""
    in_comment = 0
  }
  gsub(/\/\*[^*]*\*\//, "", line)
  sub(/\/\/.*$/, "", line)
  if (sub(/\/\*.*$/, "", line)) in_comment = 1
  return line
}

# What stands between the parentheses after the keyword, which ends at `from`.
function condition(text, from,   i, depth, c) {
  for (i = from; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c == "(") depth++
    if (c == ")" && --depth == 0) return substr(text, from, i - from)
  }
  return substr(text, from)
}

function judge(text, ending) {
  if (text !~ /(^|[^A-Za-z_0-9])co_await([^A-Za-z_0-9]|$)/) return
  if (text ~ /\?/) flag("`?:` in an expression with co_await")
  if (text ~ /[(,=][ \t]*\[[^\]\[]+\][ \t]*([({]|mutable|->|$)/)
    flag("capturing lambda in an expression with co_await")
  if (ending == "{" && text ~ /[(,][ \t]*$/) flag("braced list in an expression with co_await")
  if (match(text, /(^|[^A-Za-z_0-9])(while|switch)[ \t]*\(/) &&
      condition(text, RSTART + RLENGTH - 1) ~ /co_await/)
    flag("co_await in the condition of a loop or switch")
}

FNR == 1 { statement = ""; in_comment = 0 }
/^[ \t]*#/ { next }
{
  rest = bare($0)
  while (match(rest, /[;{}]/)) {
    end = RSTART
    if (statement == "") start = FNR
    judge(statement substr(rest, 1, end - 1), substr(rest, end, 1))
    statement = ""
    rest = substr(rest, end + 1)
  }
  if (rest ~ /[^ \t]/) {
    if (statement == "") start = FNR
    statement = statement rest " "
  }
}
END { exit bad }
