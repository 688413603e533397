#!/usr/bin/env python3
"""Tries the admin API of a server and of a client with requests that are made from its description.

  run.py PROGRAM [CASES]     at least CASES requests to the server, 5000 otherwise

Every answer must be as the description says, and in time, and afterwards the program must work and end as
usual. Needs schemathesis, openapi-spec-validator and jsonschema beside the Python that runs this.
"""
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from harness.processes import Ports  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = pathlib.Path(sys.executable).parent
TOKEN = "of the test"

SERVER = '''
[server]
bind_addr = "127.0.0.1:0"
default_token = "of the tunnel"
[server.admin]
bind_addr = "127.0.0.1:{port}"
token = "{token}"
services_dir = "services.d"
[server.services.web]
bind_addr = "127.0.0.1:0"
'''
# Nothing listens at the port of the server, so that the services stay down.
CLIENT = '''
[client]
remote_addr = "127.0.0.1:{closed}"
default_token = "of the tunnel"
[client.admin]
bind_addr = "127.0.0.1:{port}"
token = "{token}"
services_dir = "services.d"
[client.services.web]
local_addr = "127.0.0.1:{closed}"
'''


def read(port, path):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}",
                                     headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def wait_for_description(port):
    deadline = time.monotonic() + 30
    while True:
        try:
            return read(port, "/api/v1/openapi.json")
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def try_side(program, side, template, examples):
    """Tries one program; returns how many requests there were."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "services.d").mkdir()
        ports = Ports()
        port, closed = ports.take(), ports.take()
        (folder / "config.toml").write_text(template.format(port=port, closed=closed, token=TOKEN))
        with (folder / "log").open("w") as log:
            running = subprocess.Popen([program, "config.toml"], cwd=folder, stdout=log, stderr=log)
        try:
            (folder / "openapi.json").write_text(wait_for_description(port))
            subprocess.run([sys.executable, HERE / "check_openapi.py", "openapi.json"], cwd=folder, check=True)
            subprocess.run([TOOLS / "openapi-spec-validator", "openapi.json"], cwd=folder, check=True)
            done = subprocess.run(
                [TOOLS / "schemathesis", "--config-file", HERE / "schemathesis.toml", "run", "openapi.json",
                 "--url", f"http://127.0.0.1:{port}", "-H", f"Authorization: Bearer {TOKEN}",
                 "--max-examples", str(examples), "--request-timeout", "10"],
                cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                sys.exit(f"{done.stdout}\n{side}: schemathesis ended with {done.returncode}")
            read(port, "/api/v1/status")
        finally:
            running.send_signal(signal.SIGTERM)
            status = running.wait(timeout=30)
        ports.release()
        if status:
            sys.exit(f"{(folder / 'log').read_text()[-3000:]}\n{side}: the program ended with {status}")
        count = int(re.search(r"(\d+) generated", done.stdout).group(1))
        print(f"{side}: {count} requests, every answer as described", flush=True)
        return count


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    # schemathesis takes a number of examples for each operation; it generates about 20 requests for one.
    count = try_side(program, "server", SERVER, wanted // 18)
    try_side(program, "client", CLIENT, wanted // 180)
    if count < wanted:
        sys.exit(f"only {count} requests")


if __name__ == "__main__":
    main()
