"""Shows that check.py notices faults: with each of these changes of the dashboard, its check must fail."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = HERE.parents[1] / "include/rathole/admin"
MUTANTS = [
    ("script", "node.textContent = shown;", "node.innerHTML = shown;", "hostile"),
    ("script", "  if (method !== 'GET') headers['X-Rathole-Request'] = '1';\n", "", "mutations"),
    ("script", "  if (document.hidden) return leaveEvents();\n", "", "hidden_tab"),
    ("script", "    const { key, text } = this;\n", "    const { key, text } = this;\n    this.rows.clear();\n", "keyboard"),
    ("script", "'Last-Event-ID': stream.lastId", "'Last-Event-ID': 0", "events_resume"),
    ("script", "  if (poll.isRunning || document.hidden || page.needsToken) return;",
     "  if (poll.isRunning || document.hidden) return;", "token_form"),
    ("style", "position: relative; ", "", "phone"),
    ("style", "--muted: light-dark(#566273,", "--muted: light-dark(#a6b2c3,", "light_mode"),
    ("page", "<body>", "<body><img src=\"https://example.com/a.png\">", "loads"),
    ("page", "<body>", "<body><p style=\"color: red\">x</p>", "loads"),
]

failed = 0
for name, old, new, check in MUTANTS:
    with tempfile.TemporaryDirectory() as folder:
        for each in ("page", "style", "script"):
            shutil.copy(HEADERS / f"dashboard_{each}.hpp", folder)
        path = pathlib.Path(folder) / f"dashboard_{name}.hpp"
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new))
        run = subprocess.run([sys.executable, HERE / "check.py", "--headers", folder, "--only", check],
                             stdout=subprocess.PIPE, text=True)
    is_noticed = run.returncode == 1 and "FAIL" in run.stdout
    failed += not is_noticed
    print("noticed" if is_noticed else "NOT NOTICED", check, repr(new[:50]), flush=True)
sys.exit(failed > 0)
