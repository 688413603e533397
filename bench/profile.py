#!/usr/bin/env python3
"""Says where the time of a tunnel goes while it carries HTTP: the system calls of each end for one
request, counted with strace, and the share of its processor time in each, sampled with perf.

strace slows what it watches by far, so how often a call finds several things to do at once differs
from a run without it. perf watches runs of its own.
"""

import argparse
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True

from harness import contenders, report, services  # noqa: E402
from harness.processes import Failed, Ports, run, wait_until  # noqa: E402
from harness.scenarios import wrk_result  # noqa: E402
from harness.tracing import Perf, Strace  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def answers(address):
    try:
        run([services.program("wrk"), "-t1", "-c1", "-d1s", address], 10)
        return True
    except Failed:
        return False


def watched(contender, tool, headers, folder, web, options):
    """(requests, what the tool found for each process) of one run of wrk."""
    ports = Ports()
    tracers = []
    tunnel = contender.start(folder, ports, {"web": web})
    try:
        address = f"http://127.0.0.1:{tunnel.entries['web']}/"
        wait_until(lambda: answers(address), 20, "no visitor was served")
        for process in tunnel.processes:
            tracers.append(tool(folder, process))
        text = run([services.program("wrk"), "-t2", f"-c{options.connections}",
                    f"-d{options.seconds}s", "--latency",
                    *headers, address], options.seconds + 30)
        return wrk_result(text)["requests"], {
            process.name: tracer.result() for process, tracer in zip(tunnel.processes, tracers)}
    finally:
        tunnel.end()
        for tracer in tracers:
            tracer.end()
        ports.release()


def by_row(found, least):
    """A table's rows: the largest first, those below `least` everywhere left out."""
    names = {name for values in found.values() for name in values}
    kept = [name for name in names
            if max(values.get(name, 0) for values in found.values()) >= least]
    return sorted(kept, key=lambda name: -max(v.get(name, 0) for v in found.values()))


class Tool:
    def __init__(self, program, package, what, start):
        self.program, self.package, self.what, self.start = program, package, what, start


STRACE = Tool("strace", "strace", "system calls for a request", Strace)
PERF = Tool("perf", "linux-perf", "share of processor time", Perf)
LOADS = [("HTTP keep-alive", []), ("HTTP new connections", ["-H", "Connection: close"])]


def table(tool, runners, headers, folder, web, options):
    found = {}
    for contender in runners:
        requests, each = watched(contender, tool.start, headers, folder, web, options)
        for name, values in each.items():
            end = name.removesuffix("-web").replace("-", ", ")
            found[end] = {key: value / requests if tool is STRACE else value
                          for key, value in values.items()}
    if tool is STRACE:
        rows = [[name] + [f"{values.get(name, 0):.2f}" for values in found.values()]
                for name in by_row(found, 0.05)]
        rows.append(["all"] + [f"{sum(values.values()):.1f}" for values in found.values()])
    else:
        rows = [[name] + [f"{100 * values.get(name, 0):.0f} %" for values in found.values()]
                for name in by_row(found, 0.01)]
    return "\n".join(report.table(["", *found], rows)) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default=f"{ROOT}/build/release/rathole", metavar="PATH")
    parser.add_argument("--upstream", metavar="PATH")
    parser.add_argument("--limit", metavar="PATH", help="bench/limit_relay.cpp, built")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=5, help="for each load and tool")
    parser.add_argument("--update", metavar="FILE", help="a document that gets the tables")
    options = parser.parse_args()
    absent = services.missing()
    if absent:
        sys.exit("profile.py: something is missing; on Debian:\n  apt-get install "
                 + " ".join(absent))
    runners = [contenders.Rathole("ours", os.path.abspath(options.ours))]
    if options.upstream:
        runners.append(contenders.Rathole("upstream", os.path.abspath(options.upstream)))
    if options.limit:
        runners.append(contenders.Limit(os.path.abspath(options.limit)))
    tools = [one for one in (STRACE, PERF) if shutil.which(one.program)]
    for one in (STRACE, PERF):
        if one not in tools:
            print(f"profile.py: no {one.program}; on Debian: apt-get install {one.package}",
                  file=sys.stderr)
    text = ""
    with tempfile.TemporaryDirectory(prefix="rathole-bench-") as folder:
        ports = Ports()
        web = ports.take()
        nginx = services.start_nginx(folder, web)
        try:
            for load, headers in LOADS:
                for one in tools:
                    text += f"{load}, {options.connections} connections, {one.what}:\n\n"
                    text += table(one, runners, headers, folder, web, options) + "\n"
        finally:
            nginx.end()
            ports.release()
    print(text, end="")
    if options.update:
        report.update(options.update, "profile.py", text.rstrip("\n") + "\n")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"profile.py: {failure}")
