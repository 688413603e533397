#!/usr/bin/env python3
"""Checks the Grafana dashboard and the alert rules against the documented metrics.

  check_dashboard.py PAGE MONITORING

PAGE is the page that lists the metrics, MONITORING the folder with the files. Needs promtool.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

CORE_PANELS = {"row", "stat", "table", "timeseries", "state-timeline", "bargauge", "heatmap"}
# The values that replace Grafana's variables when promtool parses an expression.
VARIABLES = {"$instance": ".*", "$service": ".*", "$__rate_interval": "5m", "$__range": "6h"}
# Metrics that Prometheus itself makes.
PROMETHEUS = {"up"}


def metrics_of(page):
    """Returns the labels of each metric in the table of the page, by the name of its samples."""
    out = {}
    for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", page, re.M):
        names = set(re.findall(r"`(\w+)`", labels))
        if kind == "histogram":
            out |= {name + "_bucket": names | {"le"}, name + "_sum": names, name + "_count": names}
        elif kind in ("counter", "gauge"):
            out[name] = names
    return out


def names_in(expr):
    """Returns the names of metrics in an expression with the labels that select each of them."""
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expr)
    found = []
    for match in re.finditer(r"[a-zA-Z_:][\w:]*(\{[^}]*\})?", plain):
        name = re.match(r"[\w:]+", match.group()).group()
        if re.match(r"(rathole|process)_|up$", name) or ":" in name:
            found.append((name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", match.group(1) or ""))))
    return found


def expressions(dashboard):
    """Returns where each expression of the dashboard is, and its text."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f'panel {panel["id"]} "{panel["title"]}"', target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield f'annotation "{annotation["name"]}"', annotation["expr"]
    for variable in dashboard["templating"]["list"]:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", ""))
        if match:
            yield f'variable "{variable["name"]}"', match.group(1)


def check_names(where, expr, known, problems):
    """Adds a problem for each metric, and each label in a selector, that the page lacks."""
    names = names_in(expr)
    if not names:
        problems.append(f"{where}: no metric in {expr}")
    for name, labels in names:
        if name not in known:
            problems.append(f"{where}: the page has no metric {name}")
        elif unknown := labels - known[name] - {"instance", "job"}:
            problems.append(f"{where}: {name} has no label {sorted(unknown)}")


def check_parses(exprs, problems):
    """Adds the output of promtool if it cannot parse an expression."""
    rules = []
    for number, expr in enumerate(exprs):
        for variable, value in VARIABLES.items():
            expr = expr.replace(variable, value)
        if "$" in expr:
            problems.append(f"an unknown variable in {expr}")
        rules.append({"record": f"check:expression:{number}", "expr": expr})
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "rules.yml")
        path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
        run = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
        if run.returncode != 0:
            problems.append(run.stdout + run.stderr)


def check_layout(dashboard, problems):
    """Adds problems of identifiers, panel types, data sources and positions."""
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        problems.append("the ids of the panels are not unique")
    taken = {}
    for panel in dashboard["panels"]:
        title, at = panel["title"], panel["gridPos"]
        if panel["type"] not in CORE_PANELS:
            problems.append(f"{title}: {panel['type']} is not a core panel")
        if panel["type"] != "row":
            for part in (panel, *panel["targets"]):
                if part["datasource"]["uid"] != "${datasource}":
                    problems.append(f"{title}: the data source is not the variable")
            refs = [target["refId"] for target in panel["targets"]]
            if len(refs) != len(set(refs)):
                problems.append(f"{title}: the refIds are not unique")
        if at["x"] + at["w"] > 24:
            problems.append(f"{title}: wider than the grid")
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if taken.setdefault(cell, title) != title:
                problems.append(f"{title}: overlaps {taken[cell]}")
                break


def main():
    page, monitoring = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    known = metrics_of(page.read_text())
    problems, used = [], set()

    dashboard = json.loads((monitoring / "grafana-dashboard.json").read_text())
    check_layout(dashboard, problems)
    found = list(expressions(dashboard))
    for where, expr in found:
        check_names(where, expr, known, problems)
        used |= {name for name, _ in names_in(expr)}
    check_parses([expr for _, expr in found], problems)

    rules = (monitoring / "rathole_rules.yml").read_text()
    records = {name: {"service", "reason", "direction"} for name in re.findall(r"- record: (\S+)", rules)}
    blocks = re.findall(r"^( +)expr: (.*\n(?:\1 +.*\n)*)", rules, re.M)
    for _, expr in blocks:
        expr = expr.removeprefix(">-")
        check_names("rule", expr, known | records | {name: set() for name in PROMETHEUS}, problems)

    print("\n".join(problems) if problems else "no problems")
    print(f"{len(known)} samples in the page, {len(dashboard['panels'])} panels, "
          f"{len(found)} expressions in the dashboard, {len(blocks)} in the rules")
    unused = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known} - {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    print("not in the dashboard:", ", ".join(sorted(unused)) or "none")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
