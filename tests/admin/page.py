#!/usr/bin/env python3
"""Runs the commands of docs/admin-api.md against real programs.

  page.py PROGRAM PAGE

Each shell block below a comment `<!-- curl -->` is run, with the addresses and paths of this run in the
place of those of the page. It must succeed, and where a JSON block follows, the answer must have the
members of that block; where another block follows, its last line.
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from harness.processes import Ports  # noqa: E402


def blocks(text):
    """Yields (comment, language, content) of each block of a page, in order."""
    comment = ""
    for match in re.finditer(r"<!-- (\w+) -->\n|^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if match.group(1):
            comment = match.group(1)
        else:
            yield comment, match.group(2), match.group(3)
            comment = ""


def same_form(shown, real, path="answer"):
    """Returns what of `shown`, an answer in the page, is not in `real`."""
    if isinstance(shown, dict) and isinstance(real, dict):
        missing = [f"{path} has no {key}" for key in shown if key not in real]
        if path.endswith(".services.bytes"):
            return []
        more = [] if path.startswith("config") else [f"the page lacks {path}.{key}" for key in real
                                                    if key not in shown]
        both = [key for key in shown if key in real]
        return missing + more + [each for key in both
                                 for each in same_form(shown[key], real[key], f"{path}.{key}")]
    if isinstance(shown, list) and isinstance(real, list) and shown and real:
        return same_form(shown[0], real[0], path + "[0]")
    if shown is None or real is None or isinstance(shown, (list, dict)):
        return []
    number = (int, float)
    if isinstance(shown, number) and isinstance(real, number):
        return []
    return [] if type(shown) is type(real) else [f"{path} is {real!r}, not as {shown!r}"]


class Programs:
    """A server and a client with a service, in a folder of their own."""

    def __init__(self, program, folder):
        self.folder = pathlib.Path(folder)
        self.ports = Ports()
        self.admin, self.visitors, self.added, control, local = (self.ports.take() for _ in range(5))
        (self.folder / "services.d").mkdir()
        (self.folder / "admin.token").write_text("the token of the page\n")
        (self.folder / "server.toml").write_text(f'''
[server]
bind_addr = "127.0.0.1:{control}"
default_token = "of the page"
[server.admin]
bind_addr = "127.0.0.1:{self.admin}"
token_file = "{self.folder}/admin.token"
services_dir = "services.d"
[server.services.web]
bind_addr = "127.0.0.1:{self.visitors}"
''')
        (self.folder / "client.toml").write_text(f'''
[client]
remote_addr = "127.0.0.1:{control}"
default_token = "of the page"
retry_interval = 1
[client.admin]
bind_addr = "unix:{self.folder}/admin.sock"
[client.services.web]
local_addr = "127.0.0.1:{local}"
''')
        web = [sys.executable, "-m", "http.server", str(local), "--bind", "127.0.0.1"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.running = [subprocess.Popen(each, cwd=self.folder, **quiet) for each in (
            web, [program, "server.toml"], [program, "client.toml"])]

    def wait(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.visitors}/", timeout=5):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self):
        for each in self.running:
            each.terminate()
        for each in self.running:
            each.wait()
        self.ports.release()

    def here(self, command):
        """Returns a command of the page for this run."""
        for shown, real in (("127.0.0.1:9091", f"127.0.0.1:{self.admin}"),
                            ("/etc/rathole/admin.token", f"{self.folder}/admin.token"),
                            ("/run/rathole/admin.sock", f"{self.folder}/admin.sock"),
                            ("0.0.0.0:2222", f"127.0.0.1:{self.added}"),
                            ("--max-time 10", "--max-time 1"),
                            ("seq 300", "seq 3")):
            command = command.replace(shown, real)
        return command


def run_page(programs, page):
    """Runs the commands of a page; returns what is wrong."""
    wrong, count, answer = [], 0, None
    held = socket.create_connection(("127.0.0.1", programs.visitors))
    held.sendall(b"GET / HTTP/1.1\r\nHost: page\r\n\r\n")
    held.recv(1)
    identity = None
    for comment, language, content in blocks(page):
        if comment == "curl":
            count += 1
            command = programs.here(content)
            if identity is not None:
                command = command.replace("connections/12", f"connections/{identity}")
            done = subprocess.run(["sh", "-c", command], cwd=programs.folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            answer = done.stdout
            # 28: the time that --max-time allows is over.
            if done.returncode not in ((0, 28) if "--max-time" in command else (0,)):
                wrong.append(f"{content}  ended with {done.returncode}: {answer}")
            continue
        if answer is None or comment == "sketch":
            answer = None
            continue
        if language == "json":
            shown, real = json.loads(content), json.loads(answer)
            if "connections" in real and isinstance(real["connections"], list):
                identity = real["connections"][0]["id"] if real["connections"] else None
            partial = "settings" in real and "name" not in shown
            path = "config" if "server" in shown else "answer"
            wrong += [f"{each}: {answer.strip()[:300]}" for each in
                      same_form(shown, real["settings"] if partial else real, path)]
        elif language == "" and "event:" not in content:
            last = content.strip().splitlines()[-1]
            if last not in answer:
                wrong.append(f"the answer is not {last!r}: {answer!r}")
        answer = None
    held.close()
    return wrong, count


def main():
    program, page = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text()
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(program, folder)
        try:
            programs.wait()
            wrong, count = run_page(programs, page)
        finally:
            programs.stop()
    print("\n".join(wrong) or f"{count} commands, each answered as the page says")
    sys.exit(bool(wrong) or count < 20)


if __name__ == "__main__":
    main()
