#!/usr/bin/env python3
"""Has Prometheus scrape a server and a client with the files of examples/monitoring.

  scrape.py PROGRAM MONITORING PAGE

PAGE is the page that lists the metrics. The metrics must be those of the page, with its types and labels;
promtool must find no fault in them; Prometheus must scrape both programs, evaluate every rule and expression
of the dashboard without error, and have counted the visitor. Needs prometheus and promtool.
"""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import check_dashboard  # noqa: E402
from harness.processes import Ports  # noqa: E402

DEADLINE = 60
# The page says of these metrics that only one side has them.
OF_ONE_SIDE = re.compile(r"^\| `(\w+)` \|.*\| (server|client): ", re.M)


def wait_for(what, condition):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        if time.monotonic() > deadline:
            sys.exit(f"not within {DEADLINE} s: {what}")
        time.sleep(0.1)


def metrics(port, token):
    """Returns the metrics of a program."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics",
                                     headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def check_served(side, text, page, problems):
    """Adds a problem for each difference between the metrics of a program and the page."""
    described = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in
                 re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\|", page, re.M)}
    side_of = dict(OF_ONE_SIDE.findall(page))
    described = {name: how for name, how in described.items() if side_of.get(name, side) == side}
    served = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    problems += [f"{side}: the page lacks {name}" for name in served.keys() - described.keys()]
    problems += [f"{side}: no {name}" for name in described.keys() - served.keys()]
    for name, labels in re.findall(r"^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$", text, re.M):
        if name not in described:
            continue
        kind, names = described[name]
        if kind != served.get(name):
            problems.append(f"{side}: {name} is a {served.get(name)}")
        found = set(re.findall(r'(\w+)="', labels)) - {"le"}
        if found != names:
            problems.append(f"{side}: {name} has the labels {sorted(found)}, not {sorted(names)}")
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if checked.returncode or checked.stdout.strip():
        problems.append(f"{side}: promtool: {checked.stdout}")


class Prometheus:
    """Prometheus with the example's configuration, for other addresses and more often."""

    def __init__(self, monitoring, folder, targets, port):
        text = (monitoring / "prometheus.yml").read_text()
        for shown, real in targets.items():
            assert shown in text, shown
            text = text.replace(shown, real)
        text = text.replace("15s", "1s")
        (folder / "prometheus.yml").write_text(text)
        (folder / "rathole_rules.yml").write_text((monitoring / "rathole_rules.yml").read_text())
        subprocess.run(["promtool", "check", "config", folder / "prometheus.yml"], check=True,
                       stdout=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        self.log = folder / "prometheus.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml",
                 f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"],
                stdout=log, stderr=log)

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def check_scraped(prometheus, monitoring, problems):
    """Adds a problem for each target, rule or expression that does not work."""
    wait_for("both programs are scraped",
             lambda: len(prometheus.query('up{job=~"rathole.*"} == 1')) == 2)
    wait_for("the visitor is counted on both sides",
             lambda: len(prometheus.query('rathole_visitors_total{service="web"} == 1')) == 2)
    groups = wait_for("every rule is evaluated", lambda: [
        each for each in [prometheus.ask("rules")["groups"]]
        if each and all(rule["health"] != "unknown" for group in each for rule in group["rules"])])[0]
    rules = [rule for group in groups for rule in group["rules"]]
    problems += [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    problems += [f"{rule['name']} fires" for rule in rules if rule.get("state") == "firing"]
    dashboard = json.loads((monitoring / "grafana-dashboard.json").read_text())
    expressions = list(check_dashboard.expressions(dashboard))
    for where, expression in expressions:
        for variable, value in check_dashboard.VARIABLES.items():
            expression = expression.replace(variable, value)
        # An annotation is of something that has not happened here; the others have data once there are
        # two samples.
        if where.startswith("annotation"):
            prometheus.query(expression)
        else:
            wait_for(f"data for {where}: {expression}", lambda: prometheus.query(expression))
    return len(rules), len(expressions)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    monitoring = pathlib.Path(sys.argv[2]).resolve()
    page = pathlib.Path(sys.argv[3]).read_text()
    problems, running, ports = [], [], Ports()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        control, visitors, server, client, own = (ports.take() for _ in range(5))
        local = socket.create_server(("127.0.0.1", 0))
        tokens = {"server": "of the server", "client": "of the client"}
        for side, token in tokens.items():
            (folder / f"{side}.token").write_text(token)
        (folder / "server.toml").write_text(f'''
[server]
bind_addr = "127.0.0.1:{control}"
default_token = "of the test"
[server.admin]
bind_addr = "127.0.0.1:{server}"
metrics_token = "{tokens['server']}"
token = "of the server's administrator"
[server.services.web]
bind_addr = "127.0.0.1:{visitors}"
''')
        (folder / "client.toml").write_text(f'''
[client]
remote_addr = "127.0.0.1:{control}"
default_token = "of the test"
retry_interval = 1
[client.admin]
bind_addr = "127.0.0.1:{client}"
metrics_token = "{tokens['client']}"
token = "of the client's administrator"
[client.services.web]
local_addr = "127.0.0.1:{local.getsockname()[1]}"
''')
        prometheus = None
        try:
            for side in tokens:
                running.append(subprocess.Popen([program, folder / f"{side}.toml"],
                                                stdout=subprocess.DEVNULL))
            visitor = wait_for("the service is reachable",
                               lambda: socket.create_connection(("127.0.0.1", visitors), timeout=5))
            visitor.sendall(b"x")
            local.settimeout(DEADLINE)
            served, _ = local.accept()
            served.sendall(served.recv(1))
            visitor.recv(1)
            check_served("server", metrics(server, tokens["server"]), page, problems)
            check_served("client", metrics(client, tokens["client"]), page, problems)
            prometheus = Prometheus(monitoring, folder, {
                "127.0.0.1:9091": f"127.0.0.1:{server}", "127.0.0.1:9092": f"127.0.0.1:{client}"}, own)
            rules, expressions = check_scraped(prometheus, monitoring, problems)
        finally:
            if prometheus:
                prometheus.stop()
            for each in running:
                each.terminate()
                each.wait()
            ports.release()
    print("\n".join(problems) or "no problems")
    print(f"{rules} rules and {expressions} expressions evaluated")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
