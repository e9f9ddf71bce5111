"""The site in a real browser, offline: rows are chosen and sorted, links lead on, all can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from entries import document, write
from test_report_browser import browser  # noqa: F401 - a fixture

from harness.cli import main

sync_api = pytest.importorskip("playwright.sync_api")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
ROWS = "table[data-filters] tbody tr"
SHOWN = f"{ROWS}:not([hidden])"


@pytest.fixture(scope="module")
def site(small_figures, tmp_path_factory) -> Path:
    """Twelve measurements on two devices, with charts."""
    folder = tmp_path_factory.mktemp("browsed")
    documents = [
        document(
            number,
            device=("A CPU, 2 threads", "A GPU of a long name, 141 GB")[number % 2],
            preset=("quick", "paper")[number % 3 == 0],
            versions={"torch": f"2.{number}.0"},
        )
        for number in range(12)
    ]
    write(folder / "history.jsonl", *documents)
    assert main(["publish", str(folder / "history.jsonl"), "--to", str(folder / "site")]) == 0
    return folder / "site"


@contextmanager
def opened(browser, path: Path, **options) -> Iterator[sync_api.Page]:  # noqa: F811
    """A page from disk; whatever it asks of the network or complains about fails the test."""
    context = browser.new_context(offline=True, **options)
    page, troubles = context.new_page(), []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: troubles.append(request.url)
            if not request.url.startswith(("file:", "data:")) else None)  # fmt: skip
    page.goto(path.as_uri())
    yield page
    context.close()
    assert not troubles


def test_rows_are_chosen_by_what_is_in_their_columns(browser, site):  # noqa: F811
    with opened(browser, site / "index.html") as page:
        assert page.locator(SHOWN).count() == 12
        labels = page.locator(".filters label").all_text_contents()
        assert [label.split()[0] for label in labels] == ["Preset", "Device", "Versions"]
        page.locator(".filters select").nth(0).select_option("paper")
        assert page.locator(SHOWN).count() == 4
        assert page.locator(".filters output").text_content() == "4 of 12 rows"
        page.locator(".filters select").nth(2).select_option("PyTorch 2.3.0")
        assert page.locator(SHOWN).count() == 1
        page.locator(".filters select").nth(1).select_option("A CPU, 2 threads")
        assert page.locator(SHOWN).count() == 0
        page.locator(".filters select").nth(2).select_option("TensorFlow 2.21.0")
        assert page.locator(SHOWN).count() == 2, "any part of a text can be chosen"
        for place in range(3):
            page.locator(".filters select").nth(place).select_option("all")
        assert page.locator(SHOWN).count() == 12


def test_versions_and_days_are_sorted_as_what_they_are(browser, site):  # noqa: F811
    with opened(browser, site / "index.html") as page:

        def column(number: int) -> list[str]:
            cells = page.locator(f"{ROWS} > :nth-child({number})").all_text_contents()
            return [cell.strip() for cell in cells]

        page.get_by_role("button", name="Versions").click()
        first = [text.split(" · ")[0] for text in column(4)]
        assert first == [f"PyTorch 2.{minor}.0" for minor in range(12)], "2.9 before 2.10"
        page.get_by_role("button", name="Newest ↕", exact=True).click()
        assert column(6) == sorted(column(6)) and len(set(column(6))) == 12
        page.get_by_role("button", name="Device").last.click()
        assert column(3) == sorted(column(3)), "what is linked is sorted by its text"


def test_links_lead_from_page_to_page(browser, site):  # noqa: F811
    with opened(browser, site / "index.html") as page:
        page.get_by_role("link", name="A CPU, 2 threads").first.click()
        assert page.locator("h1").text_content() == "A CPU, 2 threads"
        assert page.locator("main img").count() == 3
        page.get_by_role("link", name="Across devices").click()
        assert page.locator("h1").text_content() == "Across devices"
        page.get_by_role("link", name="All measurements").click()
        assert page.locator("h1").text_content() == "CycleGAN in several frameworks"


def test_without_scripts_every_row_is_there_and_links_work(browser, site):  # noqa: F811
    with opened(browser, site / "index.html", java_script_enabled=False) as page:
        assert page.locator(SHOWN).count() == 12 and page.locator(".filters").count() == 0
        page.get_by_role("link", name="Across devices").click()
        assert page.locator("h1").text_content() == "Across devices"


@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone", "desktop, dark"]
)
def test_everybody_can_read_it(browser, site, size, scheme):  # noqa: F811
    """No page is wider than the screen; by axe-core's rules for WCAG 2.2, A and AA."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    rules = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    device = next(site.glob("device-*.html"))
    for path in (site / "index.html", site / "across.html", device):
        options = {"viewport": size, "color_scheme": scheme, "bypass_csp": True}
        with opened(browser, path, **options) as page:
            width = page.evaluate("() => document.documentElement.scrollWidth")
            assert width <= size["width"], path.name
            violations = axe.run(page, options={"runOnly": rules}).response["violations"]
            found = [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in violations]
            assert not found, (path.name, found)
