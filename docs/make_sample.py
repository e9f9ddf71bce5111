"""Makes docs/sample and docs/images from a real comparison: `make sample`.

Pictures of the built-in data set only. Needs Chromium, and some minutes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pictures import save
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
COMPARE = ("compare", "--dataset", "seasons", "--preset", "quick", "--seeds", "0,1,2", "--json")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("cyclebench: make sample: no Chromium found; install the package chromium")
        return 2
    program = [sys.executable, "-m", "harness.cli", *COMPARE]
    made = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        return made.returncode
    experiment = Path(json.loads(made.stdout)["folder"])
    copy_report(experiment, HERE / "sample")
    take_pictures(experiment / "report.html", browser, HERE / "images")
    return 0


def copy_report(experiment: Path, to: Path) -> None:
    """The Markdown twin, and what it shows."""
    text = (experiment / "report.md").read_text()
    shutil.rmtree(to, ignore_errors=True)
    (to / "figures").mkdir(parents=True)
    (to / "report.md").write_text(text)
    for name in re.findall(r"\]\((figures/[^)]+)\)", text):
        save((experiment / name).read_bytes(), to / name)


def take_pictures(report: Path, browser: str, to: Path) -> None:
    to.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = started.new_page(viewport={"width": 1100, "height": 1000})
        page.goto(report.resolve().as_uri())
        save(page.screenshot(), to / "report.png")
        save(chart(page), to / "chart.png")
        save(viewer(page), to / "viewer.png")
        started.close()


def chart(page: Page) -> bytes:
    page.locator("#chart input[value=weighted]").check()
    return page.locator("#chart").screenshot()


def viewer(page: Page) -> bytes:
    page.locator(".tile").nth(1).click()
    return page.locator("#viewer").screenshot()


if __name__ == "__main__":
    sys.exit(main())
