#!/usr/bin/env python3
"""Compares whole programs side by side, in one interleaved run on this machine's loopback address.

Contenders take turns within each round, so that what disturbs the machine disturbs all of them.
Progress goes to stderr, the tables to stdout. docs/benchmark.md says what each row means.
"""

import argparse
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from harness import contenders, report, scenarios, services, transports, udp  # noqa: E402
from harness.processes import Failed, Ports  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default=f"{ROOT}/build/release/rathole", metavar="PATH",
                        help="this project's program (default: build/release/rathole)")
    parser.add_argument("--upstream", metavar="PATH", help="rathole v0.5.0")
    parser.add_argument("--frps", metavar="PATH", help="frp's server; needs --frpc")
    parser.add_argument("--frpc", metavar="PATH", help="frp's client; needs --frps")
    parser.add_argument("--limit", metavar="PATH",
                        help="bench/limit_relay.cpp, built (default: built with c++)")
    parser.add_argument("--udp-load", metavar="PATH",
                        help="bench/udp_load.cpp, built (default: built with c++ if needed)")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PATH",
                        help="another rathole, such as a second build of ours; may be repeated")
    parser.add_argument("--admin", action="store_true",
                        help="our program with its admin API besides, as ours/admin")
    parser.add_argument("--transports", metavar="A,B",
                        help="our program and upstream over these transports besides: " +
                        ", ".join(transports.KINDS))
    parser.add_argument("--contenders", metavar="A,B", help="only these of those given")
    parser.add_argument("--only", metavar="A,B", help="only these scenarios: " +
                        ", ".join(one.key for one in scenarios.SCENARIOS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="for each measurement")
    parser.add_argument("--json", metavar="FILE", help="where all values go")
    parser.add_argument("--update", metavar="FILE", help="a document that gets the tables")
    parser.add_argument("--echo", type=int, metavar="PORT", help=argparse.SUPPRESS)
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


def chosen(wanted, there, what):
    """Those of `there`, a map by name, that a list with commas wants; all without one."""
    if wanted is None:
        return list(there.values())
    names = wanted.split(",")
    unknown = [name for name in names if name not in there]
    if unknown:
        sys.exit(f"compare.py: no {what} {', '.join(unknown)}; there are: {', '.join(there)}")
    return [one for name, one in there.items() if name in names]


def build(name, folder):
    path = os.path.join(folder, name)
    subprocess.run([shutil.which("c++") or "g++", "-std=c++23", "-O2", f"{ROOT}/bench/{name}.cpp",
                    "-o", path], check=True)
    return path


def also(options):
    """(name, path) of each --also."""
    for one in options.also:
        name, _, path = one.partition("=")
        yield name, os.path.abspath(path)


def over_transports(options, folder):
    transports.make_identity(folder)
    out = []
    for kind in chosen(options.transports, {name: name for name in transports.KINDS}, "transport"):
        tables = transports.tables(kind, folder)
        out.append(contenders.Rathole(f"ours/{kind}", os.path.abspath(options.ours), tables))
        for name, path in also(options):
            out.append(contenders.Rathole(f"{name}/{kind}", path, tables))
        if options.upstream and transports.rival_of(kind) == kind:
            out.append(contenders.Rathole(f"upstream/{kind}", os.path.abspath(options.upstream),
                                          tables, udp.UPSTREAM))
    return out


def with_admin(options):
    # Each measurement has a folder of its own, where the programs run.
    tables = [f'[{side}.admin]\nbind_addr = "unix:{side}-admin.sock"\n' for side in ("server", "client")]
    return contenders.Rathole("ours/admin", os.path.abspath(options.ours), tuple(tables))


def line_up(options, folder):
    out = [contenders.Direct()]
    names = options.contenders.split(",") if options.contenders else None
    if options.limit or names is None or "limit" in names:
        try:
            out.append(contenders.Limit(os.path.abspath(options.limit or build("limit_relay", folder))))
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"limit is left out: {error}")
    if names is None or "ours" in names:
        if not os.access(options.ours, os.X_OK):
            sys.exit(f"compare.py: no program {options.ours}; build it with\n"
                     "  cmake --preset release && cmake --build --preset release --target rathole")
        out.append(contenders.Rathole("ours", os.path.abspath(options.ours)))
    if options.admin:
        out.append(with_admin(options))
    out += [contenders.Rathole(name, path) for name, path in also(options)]
    if options.upstream:
        out.append(contenders.Rathole("upstream", os.path.abspath(options.upstream),
                                      datagram=udp.UPSTREAM))
    if options.transports:
        out += over_transports(options, folder)
    if options.frps and options.frpc:
        out.append(contenders.Frp(os.path.abspath(options.frps), os.path.abspath(options.frpc)))
    for contender in out:
        for path in contender.programs:
            if not os.access(path, os.X_OK):
                sys.exit(f"compare.py: no program {path}")
    return chosen(options.contenders, {one.name: one for one in out}, "contender")


def measure_once(scenario, contender, folder, known_services, seconds):
    ports = Ports()
    # Each measurement has its own folder, so that no log or configuration is used twice.
    with tempfile.TemporaryDirectory(dir=folder) as own:
        try:
            bench = scenarios.Bench(own, ports, known_services, seconds)
            return scenario.measure(bench, contender)
        finally:
            ports.release()


def measure_all(options, wanted, runners, folder, known_services, failures):
    """Values by metric and contender, one per round, None where a measurement failed."""
    results = {}
    for scenario in wanted:
        for metric in scenario.metrics:
            results[f"{scenario.key}.{metric.key}"] = {
                "title": metric.title, "unit": metric.unit, "better": metric.better, "values": {}}
    for turn in range(options.rounds):
        for scenario in wanted:
            if scenario.once and turn > 0:
                continue
            # Each is first, last and between once in a while.
            shift = turn % len(runners)
            for contender in runners[shift:] + runners[:shift]:
                if not scenario.suits(contender):
                    continue
                try:
                    got = measure_once(scenario, contender, folder, known_services,
                                       options.seconds)
                    shown = ", ".join(f"{key} {report.number(value)}" for key, value in got.items())
                except Exception as failure:  # whatever went wrong, the others go on
                    got, shown = None, f"FAILED: {failure}"
                    failures.append({"scenario": scenario.key, "contender": contender.name,
                                     "round": turn + 1, "reason": str(failure) or repr(failure)})
                say(f"round {turn + 1}/{options.rounds} {scenario.key:14} {contender.name:9} {shown}")
                for metric in scenario.metrics:
                    values = results[f"{scenario.key}.{metric.key}"]["values"]
                    expected = contender.programs or metric.key != "cpu"
                    if metric.key in got if got else expected:
                        values.setdefault(contender.name, []).append(
                            got[metric.key] if got else None)
    return results


def main():
    options = arguments()
    if options.echo:
        return services.echo(options.echo)
    absent = services.missing()
    if absent:
        sys.exit("compare.py: something is missing; on Debian:\n  apt-get install "
                 + " ".join(absent))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    services.raise_descriptor_limit()
    wanted = chosen(options.only, {one.key: one for one in scenarios.SCENARIOS}, "scenario")
    failures = []
    with tempfile.TemporaryDirectory(prefix="rathole-bench-") as folder:
        runners = line_up(options, folder)
        result = {
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
            "machine": report.machine(), "versions": report.versions(runners),
            "settings": {"rounds": options.rounds, "seconds": options.seconds,
                         "contenders": [one.name for one in runners]}}
        ports = Ports()
        standing = []
        try:
            known = {"web": ports.take(), "echo": ports.take()}
            if any(one.datagram for one in wanted):
                known["udp_load"] = os.path.abspath(options.udp_load or build("udp_load", folder))
            standing.append(services.start_nginx(folder, known["web"]))
            standing.append(services.start_echo(folder, known["echo"]))
            result["results"] = measure_all(options, wanted, runners, folder, known, failures)
        finally:
            for process in standing:
                process.end()
            ports.release()
    result["failures"] = failures
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)
    text = report.markdown(result)
    print(text, end="")
    if options.update:
        report.update(options.update, "compare.py", text)
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"compare.py: {failure}")
