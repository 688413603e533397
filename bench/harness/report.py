"""Machine and versions, tables, and what was hoped for."""

import os
import platform
import re

from .processes import Failed, run
from .services import program
from .statistics import ratio, summary

BEGIN, END = "<!-- compare.py begin -->", "<!-- compare.py end -->"

# (metric, contender, than which, "at least" or "at most", factor)
GOALS = [
    ("bulk.rate", "ours", "upstream", ">=", 2.0),
    ("bulk.rate", "ours", "limit", ">=", 0.9),
    ("bulk.cpu", "ours", "upstream", "<=", 0.6),
    ("http.rate", "ours", "upstream", ">=", 1.1),
    ("http-new.rate", "ours", "upstream", ">=", 1.1),
    ("memory.loaded", "ours", "upstream", "<=", 0.5),
]


def first_match(path, pattern):
    try:
        with open(path) as file:
            found = re.search(pattern, file.read(), re.M)
        return found[1].strip() if found else "?"
    except OSError:
        return "?"


def said(command):
    """The first line that a command prints, wherever it prints it and however it ends."""
    import subprocess
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=10)
    return (done.stdout.strip().splitlines() or ["?"])[0]


def machine():
    kib = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)"))
    return {"cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.+)$"),
            "cores": len(os.sched_getaffinity(0)), "memory_gib": round(kib / 2**20, 1),
            "kernel": platform.release(),
            "system": first_match("/etc/os-release", r'^PRETTY_NAME="(.+)"$'),
            "load": os.getloadavg()[0]}


def versions(contenders):
    out = {"python": platform.python_version(),
           "iperf3": said([program("iperf3"), "--version"]),
           "wrk": said([program("wrk"), "--version"]).split("  ")[0],
           "nginx": said([program("nginx"), "-v"])}
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


def goal_lines(results):
    rows = []
    for metric, who, than, relation, factor in GOALS:
        values = results.get(metric, {}).get("values", {})
        found = ratio(values.get(who, []), values.get(than, []))
        if not found:
            continue
        met = found["ratio"] >= factor if relation == ">=" else found["ratio"] <= factor
        rows.append([results[metric]["title"], f"{relation} {factor:g} × {than}",
                     f"{found['ratio']:.2f} ×", "met" if met else "**missed**"])
    return rows


def markdown(report):
    """The report as text; `report` is what the JSON file holds."""
    here, settings, results = report["machine"], report["settings"], report["results"]
    names = settings["contenders"]
    lines = [
        f"{here['cpu']}, {here['cores']} cores, {here['memory_gib']} GiB; Linux {here['kernel']}, "
        f"{here['system']}. {report['date']}, {settings['rounds']} rounds, "
        f"{settings['seconds']} s a measurement. Load before: {here['load']:.2f}.", ""]
    lines += [f"* {name}: {version}" for name, version in report["versions"].items()]
    lines += ["", "Median [lowest..highest] of the rounds:", ""]
    rows = []
    for entry in results.values():
        arrow = "↑" if entry["better"] == "higher" else "↓"
        rows.append([f"{entry['title']}, {entry['unit']} {arrow}"] +
                    [cell(entry["values"].get(name, [])) for name in names])
    lines += table(["", *names], rows)
    for base in ("upstream", "limit"):
        others = [name for name in names if name != base]
        if base not in names or not others:
            continue
        lines += ["", f"Divided by {base}; the range is that of the rounds:", ""]
        rows = []
        for entry in results.values():
            cells = [ratio_cell(ratio(entry["values"].get(name, []),
                                      entry["values"].get(base, []))) for name in others]
            if any(cells):
                rows.append([entry["title"], *cells])
        lines += table(["", *others], rows)
    goals = goal_lines(results)
    if goals:
        lines += ["", "What was aimed at:", ""]
        lines += table(["", "aim", "measured", ""], goals)
    if report["failures"]:
        lines += ["", "Failed:", ""]
        lines += [f"* {one['scenario']}, {one['contender']}, round {one['round']}: "
                  f"{one['reason'].splitlines()[0]}" for one in report["failures"]]
    return "\n".join(lines) + "\n"


def update(path, text):
    """Replaces what stands between the two marker lines of a file."""
    with open(path) as file:
        old = file.read()
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise Failed(f"{path} does not have the lines {BEGIN} and {END}")
    with open(path, "w") as file:
        file.write(f"{head}{BEGIN}\n\n{text}\n{END}{tail}")
