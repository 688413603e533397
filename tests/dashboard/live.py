"""Uses the dashboard of running programs in Chromium.

  live.py PROGRAM [SHOTS]     with SHOTS, screenshots are written to that folder

A server with 500 services, some with hostile names, and a client. While 50 visitors transfer, a service is
added, the traffic rises, a connection is kicked, and the service is removed; then the same page on a phone.
Needs Playwright and a Chromium (CHROMIUM, /usr/bin/chromium otherwise).
"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from playwright.sync_api import expect, sync_playwright

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from harness.processes import Ports  # noqa: E402

HOSTILE = ["<img src=x onerror=document.title=1>", "\u202egnp.exe", "a" * 200, "'\"><script>document.title=2</script>"]
SERVICES = 500
VISITORS = 50
ADDED = "office-web"
LONGEST_FRAME = 200

WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push(Math.round(entry.duration));
}).observe({ type: 'longtask', buffered: true });
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));
"""


def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Echo(threading.Thread):
    """A local service that returns what it gets."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            stream, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    @staticmethod
    def serve(stream):
        try:
            while data := stream.recv(65536):
                stream.sendall(data)
        except OSError:
            pass


class Visitor(threading.Thread):
    """A visitor that transfers until it is told to end, or its connection ends."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.stream = socket.create_connection(("127.0.0.1", port))
        self.ends = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.ends.is_set():
                self.stream.sendall(b"x" * 4096)
                left = 4096
                while left:
                    data = self.stream.recv(left)
                    if not data:
                        return
                    left -= len(data)
                time.sleep(.02)
        except OSError:
            pass
        finally:
            self.stream.close()


class Programs:
    def __init__(self, program, folder, echo):
        folder = pathlib.Path(folder)
        (folder / "services.d").mkdir()
        names = [f"office-{i:03}" for i in range(SERVICES - len(HOSTILE) - 1)] + HOSTILE + ["web"]
        self.reserved = Ports()
        control, self.admin, self.web, self.added, *ports = (
            self.reserved.take() for _ in range(4 + len(names)))
        ports[-1] = self.web
        server = (f'[server]\nbind_addr = "127.0.0.1:{control}"\ndefault_token = "of the test"\npool.size = 1\n'
                  f'[server.admin]\nbind_addr = "127.0.0.1:{self.admin}"\ntoken = "the token of the test"\n'
                  'services_dir = "services.d"\n')
        client = f'[client]\nremote_addr = "127.0.0.1:{control}"\ndefault_token = "of the test"\nretry_interval = 1\n'
        for name, port in zip(names, ports):
            server += f'[server.services.{quoted(name)}]\nbind_addr = "127.0.0.1:{port}"\n'
            client += f'[client.services.{quoted(name)}]\nlocal_addr = "127.0.0.1:{echo.port}"\n'
        client += f'[client.services.{ADDED}]\nlocal_addr = "127.0.0.1:{echo.port}"\n'
        (folder / "server.toml").write_text(server)
        (folder / "client.toml").write_text(client)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.running = [subprocess.Popen([program, each], cwd=folder, **quiet)
                        for each in ("server.toml", "client.toml")]

    def wait(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=5).read()
                with socket.create_connection(("127.0.0.1", self.web)):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(.1)

    def visit(self, count):
        """Returns visitors of the service that was added, once it is served."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return [Visitor(self.added) for _ in range(count)]
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(.1)

    def stop(self):
        for each in self.running:
            each.terminate()
        for each in self.running:
            each.wait()
        self.reserved.release()


# A busy machine takes its time; what decides is measured apart.
expect.set_options(timeout=30000)


def field(page, key):
    return page.locator(f"[id='field-{key}']")


def rows(page):
    return page.locator("#services tbody tr")


def use(page, programs, shots):
    """Does what a user does: signs in, adds a service, watches it, kicks a connection, removes it."""
    page.goto(f"http://127.0.0.1:{programs.admin}/")
    page.locator("#token").fill("the token of the test")
    page.get_by_role("button", name="Continue").click()
    expect(rows(page)).to_have_count(SERVICES, timeout=20000)
    assert page.title() not in ("1", "2"), "the name of a service was run as markup"
    assert page.locator("#services img, #services script").count() == 0, "the name of a service is markup"

    page.get_by_role("button", name="Add service").click()
    field(page, "name").fill(ADDED)
    field(page, "bind_addr").fill("nowhere")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[id='field-bind_addr-problem']")).to_contain_text("not an address of the form host:port")
    if shots:
        page.screenshot(path=shots / "dashboard-problems.png")
    field(page, "bind_addr").fill(f"127.0.0.1:{programs.added}")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notice")).to_contain_text("was added")
    expect(rows(page)).to_have_count(SERVICES + 1)

    visitors = programs.visit(VISITORS)
    page.locator("#servicesFilter").fill(ADDED)
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text(str(VISITORS), timeout=15000)
    expect(rows(page).first).to_contain_text(re.compile(r"[KM]iB"), timeout=15000)
    # The chart gets a value every ten seconds.
    expect(page.locator("#chart")).to_contain_text(re.compile(r"[KM]iB/s"), timeout=30000)
    page.locator("#servicesFilter").fill("office")
    page.locator("#services thead").get_by_role("button", name="Active").click()
    if shots:
        page.screenshot(path=shots / "dashboard.png")
    page.locator("#servicesFilter").fill("")

    page.get_by_role("link", name="Connections", exact=True).click()
    connections = page.locator("#connections tbody tr")
    expect(connections).to_have_count(VISITORS, timeout=10000)
    if shots:
        page.screenshot(path=shots / "dashboard-connections.png")
    connections.first.get_by_role("button").click()
    page.locator("#confirm").get_by_role("button", name="Kick").click()
    expect(page.locator("#notice")).to_contain_text("was reset")
    expect(connections).to_have_count(VISITORS - 1, timeout=10000)
    assert sum(not each.is_alive() for each in visitors) == 1, "another number of visitors than one was kicked"

    page.get_by_role("link", name="Services", exact=True).click()
    page.get_by_role("button", name=f"Remove {ADDED}").click()
    page.locator("#confirm").get_by_role("button", name="Remove").click()
    expect(page.locator("#notice")).to_contain_text("was removed")
    expect(rows(page)).to_have_count(SERVICES)
    assert sum(each.is_alive() for each in visitors) == VISITORS - 1, "connections of a removed service must go on"
    for each in visitors:
        each.ends.set()
        each.join()


def main():
    program = os.path.abspath(sys.argv[1])
    shots = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    echo = Echo()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        programs = Programs(program, folder, echo)
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
                                             args=["--no-sandbox"])
        try:
            programs.wait()
            problems = []
            for width, height in ((1400, 1000), (360, 740)):
                page = browser.new_context(viewport={"width": width, "height": height}).new_page()
                page.add_init_script(WATCH)
                page.on("pageerror", lambda error: problems.append(str(error)))
                page.on("request", lambda request: request.url.startswith(f"http://127.0.0.1:{programs.admin}/")
                        or problems.append("a request to " + request.url))
                use(page, programs, shots if width > 1000 else None)
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                longest = max(page.evaluate("window.longTasks") or [0])
                print(f"{width} px: the longest task took {longest} ms")
                if wide > 0:
                    problems.append(f"at {width} px the page is {wide} px too wide")
                if longest > LONGEST_FRAME:
                    problems.append(f"at {width} px a task took {longest} ms")
                problems += page.evaluate("window.violations")
                if shots and width < 1000:
                    page.screenshot(path=shots / "dashboard-phone.png")
        finally:
            browser.close()
            programs.stop()
    print("\n".join(problems) or "the dashboard works with running programs")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
