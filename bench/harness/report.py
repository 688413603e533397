"""Machine and versions, tables, and what was hoped for."""

import os
import platform
import re
import subprocess

from .processes import Failed, run
from .services import program
from .statistics import ratio, summary
from .transports import KINDS, rival_of
from .udp import RATES, rate_name

# (metric, compared with, relation, factor); no factor if there is nothing to compare with.
GOALS = [
    *((metric, "upstream", ">=", 2.0) for metric in ("bulk.rate", "bulk-reverse.rate", "bulk-8.rate")),
    *((metric, "limit", ">=", 0.9) for metric in ("bulk.rate", "bulk-reverse.rate", "bulk-8.rate")),
    *((metric, "upstream", "<=", 0.6) for metric in ("bulk.cpu", "bulk-reverse.cpu", "bulk-8.cpu")),
    ("http.rate", "upstream", ">=", 1.1),
    ("http-new.rate", "upstream", ">=", 1.1),
    ("memory.loaded", "upstream", "<=", 0.5),
    *((metric, "upstream", ">=", 2.0) for metric in ("udp-saturation.rate", "udp-reverse.rate")),
    *((metric, "upstream", "<=", None) for metric in (
        "udp-saturation.loss", "udp-reverse.loss", "udp-small.loss",
        *(f"udp-rates.loss-{rate_name(rate)}" for rate in RATES))),
]


def first_match(path, pattern):
    try:
        with open(path) as file:
            found = re.search(pattern, file.read(), re.M)
        return found[1].strip() if found else "?"
    except OSError:
        return "?"


def said(command, pattern):
    """What a command prints, wherever and however it ends, where the pattern's group matches."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=10)
    found = re.search(pattern, done.stdout)
    return found[1] if found else "?"


def machine():
    kib = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)"))
    return {"cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.+)$"),
            "cores": len(os.sched_getaffinity(0)), "memory_gib": round(kib / 2**20, 1),
            "kernel": platform.release(),
            "system": first_match("/etc/os-release", r'^PRETTY_NAME="(.+)"$'),
            "congestion_control": first_match(
                "/proc/sys/net/ipv4/tcp_congestion_control", r"^(\w+)"),
            "load": os.getloadavg()[0]}


def versions(contenders):
    out = {"iperf3": said([program("iperf3"), "--version"], r"iperf (\S+)"),
           "wrk": said([program("wrk"), "--version"], r"wrk (\S+)"),
           "nginx": said([program("nginx"), "-v"], r"nginx/(\S+)"),
           "python": platform.python_version()}
    for contender in contenders:
        try:
            out[contender.name] = contender.version()
        except Failed as failure:
            out[contender.name] = f"? ({failure})"
    return out


def number(value):
    """Three significant digits, and no more than needed."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def cell(values):
    found = summary([v for v in values if v is not None])
    if not found:
        return "failed" if values else ""
    if found["count"] == 1:
        return number(found["median"])
    return f"{number(found['median'])} [{number(found['min'])}..{number(found['max'])}]"


def ratio_cell(found):
    if not found:
        return ""
    if found["min"] is None or found["min"] == found["max"]:
        return f"{found['ratio']:.2f}"
    return f"{found['ratio']:.2f} [{found['min']:.2f}..{found['max']:.2f}]"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    return [row(head), row(["---"] + ["---:"] * (len(head) - 1))] + [row(one) for one in rows]


def compared(results, metric, who, than):
    values = results.get(metric, {}).get("values", {})
    return ratio(values.get(who, []), values.get(than, []))


def no_more(results, metric, than):
    """What is aimed at, and how it went, where ours may have no more of something than another."""
    values = results.get(metric, {}).get("values", {})
    both = [summary([v for v in values.get(who, []) if v is not None]) for who in ("ours", than)]
    if not all(both):
        return None
    ours, theirs = (one["median"] for one in both)
    return [f"≤ {than}'s", f"{number(ours)} against {number(theirs)}",
            "met" if ours <= theirs else "**missed**"]


def goal_rows(results):
    rows = []
    for metric, than, relation, factor in GOALS:
        if factor is None:
            if found := no_more(results, metric, than):
                rows.append([results[metric]["title"], *found])
            continue
        found = compared(results, metric, "ours", than)
        if not found:
            continue
        met = found["ratio"] >= factor if relation == ">=" else found["ratio"] <= factor
        sign = "≥" if relation == ">=" else "≤"
        rows.append([results[metric]["title"], f"{sign} {factor:.1f} × {than}",
                     f"{found['ratio']:.2f}", "met" if met else "**missed**"])
    against = {metric: compared(results, metric, "ours", "frp") for metric in results}
    against = {metric: found["ratio"] for metric, found in against.items() if found}
    behind = [results[metric]["title"] for metric, factor in against.items()
              if (factor < 1) == (results[metric]["better"] == "higher")]
    if against:
        rows.append(["every row", "ahead of frp", f"{len(against) - len(behind)} of {len(against)}",
                     "**missed**: " + "; ".join(behind) if behind else "met"])
    return rows


def pairs(names):
    """Which contender is divided by which."""
    bare = [name for name in names if "/" not in name]
    out = [(name, "upstream") for name in bare if name not in ("direct", "upstream")
           and "upstream" in names]
    builds = [name for name in bare if name not in ("direct", "limit", "ours", "upstream", "frp")]
    for name in names:
        who, _, transport = name.partition("/")
        if transport == "admin" and "ours" in names:
            out.append((name, "ours"))
        if transport not in KINDS or who != "ours":
            continue
        rival = rival_of(transport)
        rival = "upstream" if rival == "tcp" else f"upstream/{rival}"
        if rival in names:
            out.append((name, rival))
    if "ours" in names:
        out += [("ours", name) for name in ("limit", "frp", *builds) if name in names]
    return out


def ratio_rows(results, divided):
    rows = []
    for metric, entry in results.items():
        cells = [ratio_cell(compared(results, metric, who, than)) for who, than in divided]
        if any(cells):
            rows.append([entry["title"], *cells])
    return rows


def markdown(report):
    """The report as text; `report` is what the JSON file holds."""
    here, settings, results = report["machine"], report["settings"], report["results"]
    names = settings["contenders"]
    versions_told = [f"{name} {version}" for name, version in report["versions"].items()]
    lines = [
        f"{here['cpu']}, {here['cores']} cores, {here['memory_gib']} GiB; {here['system']}, Linux "
        f"{here['kernel']}, TCP congestion control {here['congestion_control']}. {report['date']}, "
        f"rounds: {settings['rounds']}, seconds a measurement: {settings['seconds']}, load before: "
        f"{here['load']:.2f}.", "", "Versions: " + "; ".join(versions_told) + ".", "",
        "Median [lowest..highest] of the rounds; ↑ more is better, ↓ less is better:", ""]
    rows = []
    for entry in results.values():
        arrow = "↑" if entry["better"] == "higher" else "↓"
        rows.append([f"{entry['title']}, {entry['unit']} {arrow}"] +
                    [cell(entry["values"].get(name, [])) for name in names])
    lines += table(["", *names], rows)
    divided = pairs(names)
    if divided:
        lines += ["", "Ratios of the medians [lowest..highest of the ratios within a round]:", ""]
        lines += table(["", *(f"{who} / {than}" for who, than in divided)],
                       ratio_rows(results, divided))
    goals = goal_rows(results)
    if goals:
        lines += ["", "What was aimed at:", ""]
        lines += table(["", "aim", "measured", ""], goals)
    if report["failures"]:
        lines += ["", "Failed:", ""]
        lines += [f"* {one['scenario']}, {one['contender']}, round {one['round']}: "
                  f"{one['reason'].splitlines()[0]}" for one in report["failures"]]
    return "\n".join(lines) + "\n"


def update(path, tool, text):
    """Replaces what stands in a file between the two marker lines of a tool."""
    begin, end = f"<!-- {tool} begin -->\n", f"<!-- {tool} end -->\n"
    with open(path) as file:
        old = file.read()
    head, found_begin, rest = old.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not found_begin or not found_end:
        raise Failed(f"{path} does not have the lines {begin.strip()} and {end.strip()}")
    with open(path, "w") as file:
        file.write(f"{head}{begin}\n{text}\n{end}{tail}")
