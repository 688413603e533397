"""Checks the dashboard in Chromium.

  check.py                        all checks, each with the mock server it needs
  check.py URL [--token TOKEN]    the checks that a running program with a services_dir can pass
  check.py --only WORD            the checks whose name contains WORD
  check.py --headers FOLDER       the checks with the dashboard_*.hpp of that folder

Needs Playwright and a Chromium (CHROMIUM, /usr/bin/chromium otherwise).
"""
import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import traceback
import urllib.parse
import urllib.request

from playwright.sync_api import expect, sync_playwright

HERE = pathlib.Path(__file__).resolve().parent
LONGEST_TASK = 200
checks = []


def check(*mock, live=False, width=1400, height=1000, scheme="light", token=None, quiet=False):
    """Registers a check with the arguments of its mock server. `quiet`: console errors are expected."""
    def register(run):
        checks.append(dict(run=run, name=run.__name__, mock=mock, live=live, width=width, height=height,
                           scheme=scheme, token=token, quiet=quiet))
        return run
    return register


# Runs before the page's own script.
WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push(Math.round(entry.duration));
}).observe({ type: 'longtask', buffered: true });
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective + ' ' + event.blockedURI));
window.frames_ = [];
let last = performance.now();
const frame = (time) => { window.frames_.push(Math.round(time - last)); last = time; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""


class Mock:
    def __init__(self, arguments):
        command = [sys.executable, HERE / "mock_server.py", "--headers", options.headers, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/"

    def set(self, **controls):
        urllib.request.urlopen(urllib.request.Request(self.url + "mock/set?" + urllib.parse.urlencode(controls), method="POST")).read()

    def seen(self):
        return json.load(urllib.request.urlopen(self.url + "mock/seen"))

    def stop(self):
        self.process.terminate()
        self.process.wait()


def no_sideways(page):
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1], f"the page is {widths[0]} px wide in a window of {widths[1]} px"


def row(page, name):
    return page.locator("#services tbody tr").filter(has=page.get_by_role("button", name="Edit " + name, exact=True))


def field(page, key):
    return page.locator(f"[id='field-{key}']")


def problem(page, key):
    return page.locator(f"[id='field-{key}-problem']")


def notice(page, text):
    expect(page.locator("#notice")).to_contain_text(text)


def is_server(page):
    return page.locator("#mode").inner_text() == "server"


def own_key(page):
    return "bind_addr" if is_server(page) else "local_addr"


# ---- Checks ----

# Rows that are out of view are not laid out, so they have text contents but no inner texts.

@check(live=True)
def loads(page, mock):
    expect(page.locator("#state")).to_have_text("Ready", timeout=15000)
    expect(page.locator("#about")).to_contain_text("Version")
    expect(page).to_have_title(__import__("re").compile("rathole (server|client): Ready"))
    assert page.locator("#chart path").count() >= 2
    expect(page.locator("#chart")).to_contain_text("iB/s")
    expect(page.locator("#chartSummary")).to_contain_text("Received from visitors:")


@check(live=True)
def adds_edits_removes(page, mock):
    name, key = "dashboard check/1", own_key(page)
    page.get_by_role("button", name="Add service").click()
    field(page, "name").fill(name)
    field(page, "token").fill("eiWu4ohx")
    field(page, key).fill("nonsense")
    page.get_by_role("button", name="Save").click()
    expect(problem(page, key)).to_contain_text("host:port")
    expect(field(page, key)).to_be_focused()
    expect(field(page, key)).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#editorProblem")).not_to_be_empty()
    field(page, key).fill("127.0.0.1:0" if is_server(page) else "127.0.0.1:9")
    page.get_by_role("button", name="Save").click()
    notice(page, "was added")
    expect(row(page, name)).to_be_visible()
    page.get_by_role("button", name="Edit " + name).click()
    expect(field(page, "name")).to_have_attribute("readonly", "")
    expect(field(page, "token")).to_have_value("********")
    field(page, "idle_timeout").fill("soon")
    field(page, "more").fill('{"colour": "red"}')
    page.get_by_role("button", name="Save").click()
    expect(problem(page, "idle_timeout")).to_contain_text("integer")
    expect(problem(page, "more")).to_contain_text("colour")
    field(page, "idle_timeout").fill("90")
    field(page, "more").fill('{"nodelay": true}')
    page.get_by_role("button", name="Save").click()
    notice(page, "was changed")
    page.get_by_role("button", name="Edit " + name).click()
    expect(field(page, "idle_timeout")).to_have_value("90")
    expect(field(page, "more")).to_have_value('{\n  "nodelay": true\n}')
    page.locator("#editor").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Remove " + name).click()
    expect(page.locator("#confirm")).to_contain_text(name)
    page.locator("#confirm").get_by_role("button", name="Remove").click()
    notice(page, "was removed")
    expect(row(page, name)).to_have_count(0)


@check()
def form_checks_before_it_sends(page, mock):
    page.get_by_role("button", name="Add service").click()
    page.get_by_role("button", name="Save").click()
    expect(problem(page, "name")).to_contain_text("no name")
    field(page, "name").fill("web")
    field(page, "pool.size").fill("8")
    field(page, "more").fill('{"pool": {"size": 9}}')
    page.get_by_role("button", name="Save").click()
    expect(problem(page, "name")).to_contain_text("exists")
    expect(problem(page, "pool.size")).to_contain_text("one place")
    field(page, "more").fill("[1")
    page.get_by_role("button", name="Save").click()
    expect(problem(page, "more")).to_contain_text("not a JSON object")
    assert not [each for each in mock.seen() if each[0] == "PUT"]


@check()
def form_keeps_unknown_settings(page, mock):
    page.get_by_role("button", name="Edit web").click()
    expect(field(page, "more")).to_have_value('{\n  "pool": {\n    "visitor_timeout": 20\n  }\n}')
    expect(field(page, "pool.size")).to_have_value("8")
    page.get_by_role("button", name="Save").click()
    notice(page, "was changed")
    settings = json.load(urllib.request.urlopen(mock.url + "api/v1/services/web"))["settings"]
    assert settings["pool"] == {"size": 8, "visitor_timeout": 20}, settings
    assert settings["bind_addr"] == ["0.0.0.0:8080", "[::]:8080"], settings


@check()
def problems_of_others_are_not_beside_a_field(page, mock):
    page.get_by_role("button", name="Add service").click()
    field(page, "name").fill("one")
    field(page, "bind_addr").fill("127.0.0.1:7002")
    field(page, "token").fill("elsewhere")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#editorProblem")).to_contain_text('server.services."a.b".bind_addr: of another service')
    expect(page.locator("#editorProblem")).to_contain_text("server.bind_addr: of no service")
    expect(problem(page, "bind_addr")).to_be_empty()
    expect(problem(page, "more")).to_be_empty()


@check()
def closed_form_reports_a_late_failure(page, mock):
    page.get_by_role("button", name="Add service").click()
    field(page, "name").fill("late")
    field(page, "token").fill("x")
    mock.set(delay=2)
    page.get_by_role("button", name="Save").click()
    page.keyboard.press("Escape")
    expect(page.locator("#editor")).to_be_hidden()
    notice(page, "nothing was changed")


@check("--read-only")
def read_only_says_why(page, mock):
    expect(page.locator("#notEditable")).to_be_visible()
    expect(page.locator("#notEditable")).to_contain_text("services_dir")
    expect(page.get_by_role("button", name="Add service")).to_have_count(0)
    expect(page.get_by_role("button", name="Edit web")).to_have_count(0)
    expect(page.locator("#services tbody tr").first).to_contain_text("Read-only: set in")


@check("--bad-file")
def reload_shows_problems(page, mock):
    page.get_by_role("button", name="Reload file").click()
    page.locator("#confirm").get_by_role("button", name="Reload").click()
    expect(page.locator("#confirmProblem")).to_contain_text("server.bind_addr: not an address of the form host:port; write it")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm")).to_be_hidden()
    expect(page.get_by_role("button", name="Reload file")).to_be_focused()


@check()
def drains_and_undrains(page, mock):
    page.get_by_role("button", name="Drain").click()
    page.locator("#confirm").get_by_role("button", name="Drain").click()
    expect(page.locator("#state")).to_have_text("Draining")
    page.get_by_role("button", name="Undrain").click()
    page.locator("#confirm").get_by_role("button", name="Undrain").click()
    expect(page.locator("#state")).to_have_text("Ready")


@check()
def mutations_carry_the_header(page, mock):
    page.get_by_role("button", name="Reload file").click()
    page.locator("#confirm").get_by_role("button", name="Reload").click()
    notice(page, "has not changed")
    sent = [each for each in mock.seen() if each[0] != "GET"]
    assert sent and all(each[2] == "1" for each in sent), sent


@check("--churn", "0")
def kicks(page, mock):
    page.get_by_role("link", name="Connections", exact=True).click()
    rows = page.locator("#connections tbody tr")
    expect(rows).to_have_count(40)
    page.locator("#connectionsFilter").fill(rows.nth(3).locator("bdi").nth(1).text_content())
    expect(rows).to_have_count(1)
    button = rows.first.get_by_role("button")
    label = button.get_attribute("aria-label")
    button.click()
    expect(page.locator("#confirmText")).to_contain_text(label.removeprefix("Kick the "))
    page.locator("#confirm").get_by_role("button", name="Kick").click()
    notice(page, "was reset")
    expect(rows).to_have_count(0)
    expect(page.locator("#connectionsEmpty")).to_have_text("No connections match the filter.")
    page.locator("#connectionsFilter").fill("")
    expect(rows).to_have_count(39)


@check("--churn", "0")
def sorts_and_filters(page, mock):
    expect(page.locator("#services tbody tr")).to_have_count(8)
    names = page.locator("#services tbody th .name").all_text_contents()
    assert names == sorted(names), names
    page.get_by_role("button", name="Name", exact=True).click()
    names = page.locator("#services tbody th .name").all_text_contents()
    assert names == sorted(names, reverse=True), names
    head = page.locator("#services thead th").first
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(head).to_have_attribute("scope", "col")
    page.get_by_role("button", name="Active", exact=True).click()
    active = [int(text.replace(",", "")) for text in page.locator("#services tbody td:nth-child(5) a").all_text_contents()]
    assert active == sorted(active, reverse=True), active
    for label in page.locator("#services thead button").all_inner_texts():
        page.locator("#services thead").get_by_role("button", name=label, exact=True).click()
    page.locator("#servicesFilter").fill("UDP")
    expect(page.locator("#services tbody tr")).to_have_count(1)
    expect(page.locator("#servicesCount")).to_have_text("1 of 8")
    expect(page.locator("#announcer")).to_have_text("1 of 8 services")
    page.locator("#services tbody a").first.click()
    expect(page.locator("#onlyService")).to_contain_text("dns")


@check("--token", "gehe\u00efm \u2713", token=False)
def token_form(page, mock):
    expect(page.locator("#tokenForm")).to_be_visible()
    expect(page.locator("#token")).to_be_focused()
    expect(page.locator("#totals")).to_be_hidden()
    before = len(mock.seen())
    page.wait_for_timeout(3000)
    assert len(mock.seen()) == before, "the page polls without a token"
    page.locator("#token").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#tokenProblem")).to_have_text("The API refused the token.")
    page.locator("#token").fill("gehe\u00efm \u2713")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("Ready")
    page.reload()
    expect(page.locator("#state")).to_have_text("Ready")
    page.get_by_role("link", name="Events", exact=True).click()
    expect(page.locator("#eventsState")).to_have_text("live")
    page.get_by_role("button", name="Forget token").click()
    expect(page.locator("#tokenForm")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def hostile_text_is_text(page, mock):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    names = page.locator("#services tbody th .name")
    assert "<img src=x onerror=alert(1)>" in names.all_text_contents()
    assert any("\u27e8U+202E\u27e9gnp.exe" in text for text in names.all_text_contents())
    page.get_by_role("button", name="Edit <img src=x onerror=alert(1)>").click()
    expect(page.locator("#editorTitle")).to_contain_text("<img src=x")
    page.get_by_role("button", name="Save").click()
    notice(page, "<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Remove </script>").click()
    page.locator("#confirm").get_by_role("button", name="Remove").click()
    notice(page, "<script>alert(2)</script>")
    page.get_by_role("button", name="Edit __proto__").click()
    page.get_by_role("button", name="Save").click()
    notice(page, "__proto__")
    for path in ("a/b?c=d&e#f %2F", ):
        page.get_by_role("button", name="Edit " + path).click()
        field(page, "bind_addr").fill("x")
        page.get_by_role("button", name="Save").click()
        expect(problem(page, "bind_addr")).to_contain_text("host:port")
        page.locator("#editor").get_by_role("button", name="Cancel").click()
    page.locator("#services tbody tr").filter(has_text="<img").locator("a").click()
    expect(page.locator("#onlyService")).to_contain_text("<img")
    page.get_by_role("link", name="Only").click()
    mock.set(emit="service_up", service="<img src=x onerror=alert(4)>")
    page.get_by_role("link", name="Events", exact=True).click()
    expect(page.locator("#events")).to_contain_text("<img src=x onerror=alert(4)>")
    for selector in ("img", "b", "main script"):
        assert page.locator(selector).count() == 0, selector
    no_sideways(page)
    assert not dialogs, dialogs


check("--hostile", "--services", "20", quiet=False)(hostile_text_is_text)


def all_views(page, each):
    for view in ("Services", "Connections", "Events"):
        page.get_by_role("link", name=view, exact=True).click()
        page.wait_for_timeout(700)
        each()


@check("--hostile", "--services", "20", width=360, height=740)
def phone(page, mock):
    all_views(page, lambda: no_sideways(page))
    page.get_by_role("link", name="Services", exact=True).click()
    expect(page.locator("#services tbody td").first).to_be_visible()
    page.get_by_role("button", name="Add service").click()
    no_sideways(page)
    box = page.locator("#editor").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360, box
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Edit very-long").click()
    no_sideways(page)


@check(live=True, width=360, height=740)
def phone_of_a_live_program(page, mock):
    all_views(page, lambda: no_sideways(page))


for each_width in (600, 800, 1024, 1920):
    def widths(page, mock):
        all_views(page, lambda: no_sideways(page))
    widths.__name__ = f"width_{each_width}"
    check("--hostile", "--services", "20", width=each_width)(widths)


@check("--services", "500", "--connections", "900", "--churn", "20")
def five_hundred_services(page, mock):
    expect(page.locator("#services tbody tr")).to_have_count(500, timeout=20000)
    page.wait_for_timeout(10000)
    page.mouse.move(400, 700)
    for _ in range(20):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(50)
    page.evaluate("scrollTo(0, 0)")
    for label in ("Sent", "Received", "Active", "Last hour", "State"):
        page.locator("#services thead").get_by_role("button", name=label, exact=True).click()
        page.wait_for_timeout(2500)
    page.locator("#servicesFilter").press_sequentially("service-1", delay=60)
    page.locator("#servicesFilter").fill("")
    page.get_by_role("link", name="Connections", exact=True).click()
    page.wait_for_timeout(6000)
    page.get_by_role("link", name="Services", exact=True).click()
    page.wait_for_timeout(6000)
    report_frames(page)


@check("--connections", "2500", "--churn", "0")
def pages_of_connections(page, mock):
    page.get_by_role("link", name="Connections", exact=True).click()
    rows = page.locator("#connections tbody tr")
    expect(rows).to_have_count(1000, timeout=20000)
    expect(page.locator("#pageRange")).to_have_text("1 to 1,000 of 2,500, newest first.")
    page.get_by_role("button", name="Older").click()
    expect(page.locator("#pageRange")).to_have_text("1,001 to 2,000 of 2,500, newest first.")
    page.get_by_role("button", name="Older").click()
    expect(rows).to_have_count(500)
    expect(page.get_by_role("button", name="Older")).to_be_disabled()
    page.get_by_role("button", name="Newer").click()
    expect(rows).to_have_count(1000)
    report_frames(page)


def report_frames(page):
    tasks = page.evaluate("window.longTasks")
    frames = page.evaluate("window.frames_")
    print(f"    long tasks (ms): {sorted(tasks, reverse=True)[:8]}; longest frames: {sorted(frames, reverse=True)[:8]}")
    assert max(tasks, default=0) <= LONGEST_TASK, f"a task took {max(tasks)} ms"


@check(scheme="dark", live=True)
def dark_mode(page, mock):
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(17, 21, 27)", colour
    contrast(page)


@check(live=True)
def light_mode(page, mock):
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(244, 246, 248)", colour
    contrast(page)


def contrast(page):
    """Text and its background differ by 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    worst = page.evaluate("""() => {
      const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
      const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
        return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
      const back = (node) => { for (; node; node = node.parentElement) {
        const c = parse(getComputedStyle(node).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } };
      const found = [];
      for (const node of document.querySelectorAll('body *')) {
        if (![...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) continue;
        if (!node.checkVisibility() || node.closest('svg, .visually-hidden, .skip, :disabled')) continue;
        const [a, b] = [light(parse(getComputedStyle(node).color)), light(back(node))];
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) found.push(ratio.toFixed(2) + ' ' + node.className + ' ' + node.textContent.slice(0, 30));
      }
      return found;
    }""")
    assert not worst, worst


@check()
def keyboard_only(page, mock):
    press = page.keyboard.press
    focus = lambda: page.evaluate("(document.activeElement.getAttribute('aria-label') || document.activeElement.textContent || document.activeElement.id).trim()")

    def tab_to(text, limit=60):
        for _ in range(limit):
            press("Tab")
            if focus().startswith(text):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"{text} shows no focus"
                return
        raise AssertionError(f"Tab does not reach {text}")

    press("Tab")
    assert focus() == "Skip to the content"
    press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    tab_to("Add service")
    press("Enter")
    expect(field(page, "name")).to_be_focused()
    page.keyboard.type("typed")
    tab_to("TCPUDP")
    press("Tab")
    page.keyboard.type("bad")
    press("Enter")
    expect(problem(page, "bind_addr")).not_to_be_empty()
    expect(field(page, "bind_addr")).to_be_focused()
    press("Control+a")
    page.keyboard.type("127.0.0.1:7001")
    press("Tab")
    page.keyboard.type("token")
    tab_to("Save")
    press("Enter")
    notice(page, "“typed” was added")
    tab_to("Edit typed", 200)
    press("Tab")
    assert focus() == "Remove typed"
    page.wait_for_timeout(5000)
    assert focus() == "Remove typed", "a refresh moves the focus to " + focus()
    press("Enter")
    assert focus() == "Cancel", focus()
    press("Escape")
    assert focus() == "Remove typed"
    press("Enter")
    press("Tab")
    press("Enter")
    notice(page, "“typed” was removed")
    page.wait_for_timeout(3000)
    assert page.evaluate("document.activeElement !== document.body"), "the focus is lost with the row"


@check(quiet=True)
def api_lost(page, mock):
    lost = page.locator("#lost")
    for controls, words in (({"fail": 503}, "too many requests"), ({"fail": 0, "hang": 1}, "cannot be reached")):
        mock.set(**controls)
        expect(lost).to_be_visible(timeout=8000)
        expect(lost).to_contain_text(words, timeout=15000)
        expect(page.locator("#content")).to_have_class("stale")
        expect(page.locator("#announcer")).to_have_text("Connection to the API lost.")
        assert page.locator("#services tbody tr").count() == 8
    before = len(mock.seen())
    page.wait_for_timeout(9000)
    tries = [each for each in mock.seen()[before:] if each[1].endswith("status")]
    assert 1 <= len(tries) <= 3, f"{len(tries)} attempts in 9 s"
    mock.set(hang=0)
    page.get_by_role("button", name="Try now").click()
    expect(lost).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text("The API answers again.")
    expect(page.locator("#content")).not_to_have_class("stale")
    page.get_by_role("link", name="Events", exact=True).click()
    expect(page.locator("#eventsState")).to_have_text("live", timeout=10000)


@check()
def slow_api(page, mock):
    mock.set(delay=3)
    page.wait_for_timeout(9000)
    expect(page.locator("#lost")).to_be_hidden()
    page.get_by_role("button", name="Drain").click()
    button = page.locator("#confirm").get_by_role("button", name="Drain")
    for _ in range(3):
        button.click(force=True)
    expect(page.locator("#state")).to_have_text("Draining", timeout=12000)
    assert len([each for each in mock.seen() if each[1].endswith("/drain")]) == 1


@check("--churn", "3")
def events_come(page, mock):
    page.get_by_role("link", name="Events", exact=True).click()
    expect(page.locator("#eventsState")).to_have_text("live")
    rows = page.locator("#events li")
    mock.set(emit="service_down", service="web")
    expect(rows.filter(has_text="Service down").first).to_contain_text("web")
    expect(page.locator("#announcer")).to_have_text("Service down web", timeout=12000)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#eventsState")).to_have_text("paused")
    count = rows.count()
    page.wait_for_timeout(2500)
    assert rows.count() == count
    expect(page.get_by_role("button", name="Resume")).to_contain_text("new")
    page.get_by_role("button", name="Resume").click()
    assert rows.count() > count
    mock.set(flood=5000)
    page.wait_for_timeout(3000)
    assert rows.count() == 200, rows.count()
    page.get_by_label("Connections", exact=True).uncheck()
    assert rows.filter(has_text="Connection").count() == 0
    mock.set(emit="reloaded")
    expect(rows.first).to_contain_text("Reloaded")
    page.get_by_label("Connections", exact=True).check()
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Connections", exact=True).uncheck()
    expect(page.locator("#eventsState")).to_have_text("live")
    assert rows.count() > 0
    report_frames(page)


@check(quiet=True)
def events_resume(page, mock):
    page.get_by_role("link", name="Events", exact=True).click()
    page.get_by_label("Connections", exact=True).uncheck()
    expect(page.locator("#eventsState")).to_have_text("live")
    mock.set(emit="first", service="one")
    expect(page.locator("#events li").first).to_contain_text("First")
    mock.set(hang=1)
    expect(page.locator("#eventsState")).to_contain_text("reconnecting", timeout=10000)
    mock.set(emit="second", service="two")
    mock.set(hang=0)
    expect(page.locator("#events")).to_contain_text("Second", timeout=40000)
    assert page.locator("#events li").filter(has_text="First").count() == 1


@check(quiet=True)
def restarted_program(page, mock):
    page.wait_for_timeout(4000)
    count = lambda: len([each for each in mock.seen() if each[1].endswith("/events")])
    before = count()
    mock.set(restart=1)
    page.wait_for_timeout(5000)
    assert count() == before + 1, (before, count())
    expect(page.locator("#lost")).to_be_hidden()


@check()
def hidden_tab_does_not_poll(page, mock):
    hide = "(is) => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => is }); document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    page.wait_for_timeout(1000)
    before = len(mock.seen())
    page.wait_for_timeout(6000)
    assert len(mock.seen()) == before, mock.seen()[before:]
    page.evaluate(hide, False)
    page.wait_for_timeout(1500)
    paths = [each[1] for each in mock.seen()[before:]]
    assert any(path.endswith("status") for path in paths) and any(path.endswith("events") for path in paths), paths


@check("--mode", "client")
def client(page, mock):
    assert not is_server(page)
    heads = page.locator("#services thead th").all_inner_texts()
    assert any("Local address" in each for each in heads) and not any("Pool" in each for each in heads), heads
    page.get_by_role("button", name="Add service").click()
    expect(field(page, "local_addr")).to_be_visible()
    expect(field(page, "bind_addr")).to_be_hidden()
    expect(field(page, "pool.size")).to_be_hidden()
    page.keyboard.press("Escape")
    adds_edits_removes(page, mock)
    page.get_by_role("link", name="Connections", exact=True).click()
    assert not any("Visitor" in each for each in page.locator("#connections thead th").all_inner_texts())
    no_sideways(page)


@check()
def roles(page, mock):
    """What a screen reader is told."""
    tree = page.locator("main").aria_snapshot()
    for part in ('table "Services', 'columnheader "Name"', "rowheader", 'searchbox "Filter services"', 'img "Traffic in the last hour"'):
        assert part in tree, part + "\n" + tree[:3000]
    for name in page.locator("button:visible, input:visible, select:visible").evaluate_all(
            "(nodes) => nodes.map((node) => node.ariaLabel || node.textContent || node.labels?.[0]?.textContent || '')"):
        assert name.strip(), "a control without a name"
    page.get_by_role("button", name="Add service").click()
    tree = page.locator("#editor").aria_snapshot()
    for part in ('textbox "Name"', 'combobox "Type type"', 'textbox "Token token"', 'textbox "More settings"'):
        assert part in tree, part + "\n" + tree


# ---- Running ----

def run_one(browser, each, base):
    mock = None if base else Mock(each["mock"])
    url = base or mock.url
    host = urllib.parse.urlsplit(url).netloc
    context = browser.new_context(viewport={"width": each["width"], "height": each["height"]}, color_scheme=each["scheme"])
    context.add_init_script(WATCH)
    if base and options.token:
        context.add_init_script(f"sessionStorage.setItem('rathole-token', {json.dumps(options.token)})")
    page = context.new_page()
    page.set_default_timeout(10000)
    console, others = [], []
    page.on("console", lambda message: console.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda request: others.append(request.url) if not request.url.startswith("data:")
            and urllib.parse.urlsplit(request.url).netloc != host else None)
    try:
        answer = page.goto(url)
        assert "script-src 'self'" in answer.headers.get("content-security-policy", ""), "no Content-Security-Policy"
        if each["token"] is None:
            page.wait_for_selector("#totals:not([hidden])")
            page.wait_for_selector("#services tbody tr", state="attached")
            page.wait_for_timeout(500)
        each["run"](page, mock)
        # Chromium reports each answer 4xx and 5xx; those are part of the checks.
        console = [text for text in console if not text.startswith("Failed to load resource: the server responded with")]
        assert not page.evaluate("window.violations"), page.evaluate("window.violations")
        assert each["quiet"] or not console, console
        assert not others, others
    finally:
        context.close()
        if mock:
            mock.stop()


def main():
    failed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"])
        for each in checks:
            if (options.url and not each["live"]) or (options.only and options.only not in each["name"]):
                continue
            begin = time.monotonic()
            try:
                run_one(browser, each, options.url)
                print(f"ok    {each['name']} ({time.monotonic() - begin:.0f} s)", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL  {each['name']}\n{traceback.format_exc(limit=-3)}", flush=True)
        browser.close()
    return 1 if failed else 0


parser = argparse.ArgumentParser()
parser.add_argument("url", nargs="?")
parser.add_argument("--token")
parser.add_argument("--only")
parser.add_argument("--headers", default=HERE.parents[1] / "include/rathole/admin", help="the folder with the dashboard_*.hpp")
options = parser.parse_args()
if options.url:
    options.url = options.url.rstrip("/") + "/"
sys.exit(main())
