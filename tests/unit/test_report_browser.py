"""The report in a real browser, offline: every control does what it says."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from report_experiment import build, editing, pages

from harness.records.experiment import load
from harness.records.run import RunRecord, find_runs
from harness.report.comparison.plots import cycle_figure
from harness.report.formatting import MINUS

sync_api = pytest.importorskip("playwright.sync_api")
EVIL = "<img src=x onerror=\"document.title='hacked'\"></script><script>document.title='hacked'"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """With report.html, in which one drawing stands for every figure: drawing them takes long."""
    folder = build(tmp_path_factory.mktemp("browser"), seeds=(0, 1))
    names = ("scores", "cycle", "losses", "accuracies", "discriminators", "divergence")
    png = cycle_figure(load(folder)).png
    figures = {f"{name}.png": png for name in (*names, "blocks_cpu-example")}
    (folder / "report.html").write_text(pages(folder, figures)[0], "utf-8")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium here")
    # As root it takes no sandbox, which is for pages that nobody wrote himself.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def tab(browser, folder) -> Iterator[tuple[sync_api.Page, list[str]]]:
    """One window for the tests of this module, and what is asked of the network or complained."""
    with opened(browser, folder) as (page, troubles):
        yield page, troubles


@pytest.fixture
def page(tab) -> Iterator[sync_api.Page]:
    """The report as it is when it has just been opened for the first time."""
    page, troubles = tab
    page.evaluate("() => localStorage.clear()")
    page.reload()
    yield page
    of_this_test = troubles.copy()
    troubles.clear()
    assert not of_this_test


@contextmanager
def opened(browser, folder: Path, **options) -> Iterator[tuple[sync_api.Page, list[str]]]:
    """The report, and what it asks of the network or complains about, which fails the test."""
    context = browser.new_context(offline=True, **options)
    page, troubles = context.new_page(), []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: troubles.append(request.url) if asked(request.url) else None)
    page.goto((folder / "report.html").as_uri())
    yield page, troubles
    context.close()
    assert not troubles


def asked(url: str) -> bool:
    return not url.startswith(("data:", "blob:")) and not url.endswith("/report.html")


# ------------------------------------------------------------------------- each and every one

# What a control is to change besides its own value. Noted before it is operated; then compared.
NOTE = """() => { window.effect = () => JSON.stringify([location.hash, scrollY,
    document.documentElement.outerHTML.replace(/src="data:[^"]*"/g, ''),
    [...document.querySelectorAll('canvas')].map(e => e.toDataURL())]);
    window.noted = window.effect(); }"""
CHANGED = "() => window.effect() !== window.noted"


# Whether a word takes more than one line.
BROKEN = """all => all.flatMap(e => { const words = [];
    const walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) for (const found of walk.currentNode.data.matchAll(/\\w+/g)) {
        const range = document.createRange();
        range.setStart(walk.currentNode, found.index);
        range.setEnd(walk.currentNode, found.index + found[0].length);
        if (range.getClientRects().length > 1) words.push(found[0]);
    }
    return words; })"""


def operate(control: sync_api.ElementHandle) -> bool:
    """As a user would; False where there is nothing to choose."""
    kind = control.evaluate("e => e.type || e.tagName.toLowerCase()")
    if control.is_disabled():
        return False
    if kind == "select-one":
        values = control.evaluate("e => [...e.options].map(option => option.value)")
        now = control.input_value()
        control.select_option([value for value in values if value != now][-1])
    elif kind == "range":
        ends = control.get_attribute("min") or "", control.get_attribute("max") or ""
        control.fill(ends[control.input_value() != ends[1]])
    elif kind == "radio":
        if control.is_checked():
            return False
        control.check()
    else:
        control.click()
    return True


def test_every_control_of_the_page_has_an_effect(page):
    # Tiles open what the next test is about. Images are long, and no control changes them.
    page.evaluate("() => document.querySelectorAll('main img').forEach(e => e.src = 'data:,')")
    selector = "button:visible:not(.tile), input:visible, select:visible, summary, nav a"
    controls = page.locator(selector).element_handles()  # found before any of them shows others
    names = [c.evaluate("e => e.id || e.title || e.textContent.trim()") for c in controls]
    assert {"theme", "chart-term", "chart-in", "Sort by this column"} <= {*names}
    assert len(names) > 40
    page.locator("#chart-in").click()  # or there is nowhere to go and nothing to go back to
    for control, name in zip(controls, names, strict=True):
        page.evaluate(NOTE)
        if operate(control):
            assert page.evaluate(CHANGED), name


def test_every_control_of_the_viewer_has_an_effect(page):
    page.locator(".tile").first.click()
    dialog = page.locator("#viewer")
    operated = set()
    for view in ("slider", "difference", "all"):
        dialog.locator(f"input[value={view}]").check()
        selector = "button:visible, input:visible, select:visible"
        for control in dialog.locator(selector).element_handles():
            name = control.evaluate("e => e.id || e.value")
            if name in ("viewer-close", "all", "slider", "difference"):
                continue
            page.evaluate(NOTE)
            assert operate(control) and page.evaluate(CHANGED), (view, name)
            operated.add(name)
    assert operated == {
        f"viewer-{name}"
        for name in ("previous", "next", "first", "second", "zoom", "slider", "times")
    }
    dialog.locator("#viewer-close").click()
    assert not dialog.is_visible()


# ------------------------------------------------------------------------ what each one does


def test_light_and_dark_are_chosen_and_remembered(page):
    def background() -> str:
        return page.evaluate("() => getComputedStyle(document.body).backgroundColor")

    light = background()
    button = page.locator("#theme")
    assert button.text_content() == "Theme: auto"
    button.click()
    assert background() == light
    button.click()
    assert button.text_content() == "Theme: dark" and background() != light
    page.reload()
    assert button.text_content() == "Theme: dark" and background() != light


def test_a_table_sorts_by_numbers_both_ways_and_back(page):
    page.evaluate("() => document.querySelectorAll('details').forEach(e => e.open = true)")
    table = page.locator("#tables table").first
    head = table.locator("thead th").nth(2)

    def column() -> list[float]:
        cells = table.locator("tbody td:nth-child(3)").all_text_contents()
        return [float(re.match(rf"\s*({MINUS}?[\d.,]+)", c)[1].replace(MINUS, "-")) for c in cells]

    original = column()
    for order, expected in (
        ("ascending", sorted(original)),
        ("descending", sorted(original, reverse=True)),
        (None, original),
    ):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == order and column() == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_four_answers_and_the_pictures_are_on_the_first_screen(browser, folder, scheme):
    size = {"width": 1100, "height": 900}
    with opened(browser, folder, viewport=size, color_scheme=scheme) as (page, _):
        assert page.locator("#answers .answer").count() == 2  # without parity.json and course.json
        # Two more answers of two lines each are as high as these.
        boxes = page.locator("#answers .answer").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect().height)"
        )
        bottom = page.locator(".pictures").evaluate("e => e.getBoundingClientRect().bottom")
        assert bottom + sum(boxes) < 900
        assert not page.locator("#answers details[open]").count()


def test_on_a_phone_nothing_is_wider_than_the_screen(browser, folder):
    with opened(browser, folder, viewport={"width": 390, "height": 844}) as (page, _):
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        tiles = page.locator(".pictures img").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect().width)"
        )
        assert min(tiles) > 90, "pictures can be recognised"
        first = page.locator(".pictures img").first
        assert first.evaluate("e => e.getBoundingClientRect().top + scrollY") < 2.5 * 844
        heads = page.locator("thead th, .gallery .head").evaluate_all(BROKEN)
        assert not heads, "words of headings are whole"


def test_the_viewer_shows_exact_differences(page, folder):
    page.get_by_role("button", name="summer → winter, test image 2: PyTorch", exact=True).click()
    page.locator("#viewer input[value=difference]").check()
    runs = {run.backend: run for run in find_runs(folder) if run.seed == 0}
    a, b = (runs[name].final_evaluation["ab"][2].astype(float) for name in ("torch", "tf"))
    caption = page.locator("#viewer figcaption").text_content()
    assert (
        caption == f"|PyTorch {MINUS} TensorFlow| times 8; mean {np.abs(a - b).mean():.2f} of 255"
    )
    pixel = page.evaluate(
        "() => [...document.querySelector('#viewer canvas').getContext('2d')"
        ".getImageData(5, 9, 1, 1).data]"
    )
    assert pixel[:3] == np.minimum(8 * np.abs(a - b)[9, 5], 255).tolist()


def test_the_viewer_goes_from_image_to_image_by_keyboard_and_its_slider_uncovers(page):
    page.locator("#images .tile").first.focus()
    page.keyboard.press("Enter")
    title = page.locator("#viewer-title")
    assert title.text_content() == "summer → winter, test image 0"
    page.keyboard.press("ArrowRight")
    assert title.text_content() == "summer → winter, test image 2"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert title.text_content() != "summer → winter, test image 0"  # around the end
    page.locator("#viewer input[value=slider]").check()
    over = page.locator("#viewer .both img").nth(1)
    page.locator("#viewer-slider").fill("25")
    assert "25%" in over.evaluate("e => getComputedStyle(e).clipPath")
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()


def hovered(page, name: str, share: float = 0.5) -> tuple[float, float]:
    """Value and step that the chart says of a curve under the pointer."""
    box = page.locator("#chart-area .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
    label = page.locator("#chart-series label", has_text=name)
    value, step = label.locator("output").text_content().split(" at ")
    return float(value), float(step)


def test_the_chart_shows_the_losses_that_were_recorded_in_any_convention(page, folder):
    run = RunRecord(folder / "runs" / "cpu-example" / "torch-seed1")
    page.locator("#chart-term").select_option(label="identity a")
    page.locator("#chart-smoothing").fill("0")
    page.locator("#chart").scroll_into_view_if_needed()
    value, step = hovered(page, "PyTorch, seed 1")
    recorded = run.losses["identity_a"].iloc[int(step)]
    assert value == pytest.approx(recorded, rel=1e-3)
    for convention, factor in (("unnormalised", 32 * 32 * 3), ("normalised", 0.5), ("weighted", 5)):
        page.locator(f"#chart input[value={convention}]").check()
        assert hovered(page, "PyTorch, seed 1")[0] == pytest.approx(factor * recorded, rel=1e-3)


def test_a_term_without_a_convention_does_not_offer_it(page):
    page.locator("#chart input[value=unnormalised]").check()
    page.locator("#chart-term").select_option(label="adversarial ab")
    assert page.locator("#chart input[value=unnormalised]").is_disabled()
    assert page.locator("#chart input[value=mean]").is_checked()


def test_the_chart_zooms_by_dragging_and_goes_back(page):
    page.locator("#chart").scroll_into_view_if_needed()
    whole = hovered(page, "PyTorch, seed 0", 0.98)[1]
    box = page.locator("#chart-area .u-over").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], y, steps=5)
    page.mouse.up()
    assert hovered(page, "PyTorch, seed 0", 0.98)[1] == pytest.approx(0.4 * whole, abs=4)
    page.locator("#chart-reset").click()
    assert hovered(page, "PyTorch, seed 0", 0.98)[1] == whole


def drawn_colours(page) -> list[list[str]]:
    """Of the chart's canvas, row by row: each colour that is no grey, once."""
    return page.evaluate(
        """() => { const canvas = document.querySelector('#chart-area canvas');
        const [w, h] = [canvas.width, canvas.height];
        const all = canvas.getContext('2d').getImageData(0, 0, w, h).data, rows = [];
        for (let y = 0; y < h; y++) { const found = new Set();
            for (let i = 4 * y * w; i < 4 * (y + 1) * w; i += 4) {
                const [r, g, b] = all.slice(i, i + 3);
                if (all[i + 3] === 255 && Math.max(r, g, b) - Math.min(r, g, b) > 60)
                    found.add(`${r} ${g} ${b}`); }
            rows.push([...found]); }
        return rows; }"""
    )


def test_on_a_log_scale_curves_fill_the_chart(page):
    """An axis of whole decades would leave most of it empty."""
    page.locator("#chart-term").select_option(label="adversarial ab")
    page.locator("#chart input[value=log]").check()
    drawn = drawn_colours(page)
    rows = [y for y, found in enumerate(drawn) if found]
    assert (rows[-1] - rows[0]) / len(drawn) > 0.5


def test_in_the_dark_figures_are_dark_and_colours_are_bright(page):
    page.locator("#theme").click()
    figure = page.locator(".plot img").first
    assert figure.evaluate("e => getComputedStyle(e).filter") == "none"
    assert "0 114 178" in {colour for row in drawn_colours(page) for colour in row}
    page.locator("#theme").click()
    assert "invert(1)" in figure.evaluate("e => getComputedStyle(e).filter")
    assert "115 177 213" in {colour for row in drawn_colours(page) for colour in row}
    swatch = page.locator(".swatch").first
    assert "0.45" in swatch.evaluate("e => getComputedStyle(e).boxShadow")


# ---------------------------------------------------------------------------- for everybody


def test_on_a_phone_nothing_but_tables_and_figures_scrolls_sideways(browser, folder):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
    with opened(browser, folder, **phone) as (page, _):
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 360
        page.locator(".tile").first.click()
        assert page.locator("#viewer").bounding_box()["width"] <= 360


def test_on_paper_all_is_unfolded(page):
    folded = page.locator("details:not([open])")
    before = folded.count()
    assert before and page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert folded.count() == 0
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert folded.count() == before
    assert page.pdf()[:4] == b"%PDF"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(browser, folder, scheme):
    """By the rules of axe-core for WCAG 2.2, A and AA; in the dark, by those about colours."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    all_rules = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    colours = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    rules = colours if scheme == "dark" else all_rules
    with opened(browser, folder, color_scheme=scheme, bypass_csp=True) as (page, _):
        for context in (None, "#viewer"):
            if context:
                page.locator(".tile").first.click()
            report = axe.run(page, context, options={"runOnly": rules})
            violations = [
                f"{violation['id']}: {violation['nodes'][0]['html'][:200]}"
                for violation in report.response["violations"]
            ]
            assert not violations, violations


def test_hostile_names_run_nothing(browser, tmp_path):
    folder = build(tmp_path, dataset=EVIL)
    with editing(folder / "experiment.json") as record:
        record["configuration"]["titles"] = {"a": EVIL, "b": "winter"}
    for path in folder.glob("runs/*/*/environment.json"):
        with editing(path) as record:
            record["framework"] = EVIL + path.parent.name
    (folder / "report.html").write_text(pages(folder)[0], "utf-8")
    with opened(browser, folder) as (page, _):
        page.locator(".tile").first.click()
        assert page.locator("#viewer select option").first.text_content().startswith("original (<")
        assert page.title() == f"{EVIL}: {EVIL} ⇄ winter: cyclebench"
        assert EVIL in page.locator("#chart-series").text_content()


def test_it_opens_at_once(page):
    ready = page.evaluate("() => performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < ready < 5000, "milliseconds, on two busy cores"
