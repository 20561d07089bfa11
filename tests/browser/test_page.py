"""The page of `layerforge report --html` in a real browser."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.report_inventories import HOSTILE, hostile, large, small

pytestmark = pytest.mark.browser
SCHEMES = ("light", "dark")
WIDTHS = (1280, 390)


def colours_of(png: bytes) -> set[bytes]:
    """The colours of a screenshot (8 bits, RGB or RGBA, as Chromium writes them)."""
    at, data, width, kind = 8, b"", 0, 0
    while at < len(png):
        length, name = struct.unpack_from(">I4s", png, at)
        if name == b"IHDR":
            width, _, _, kind = struct.unpack_from(">IIBB", png, at + 8)
        if name == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    pixels = zlib.decompress(data)
    # Filtered rows: good enough to tell a drawn page from a blank one.
    step = 4 if kind == 6 else 3
    return {pixels[i : i + step] for i in range(1, min(len(pixels), width * step * 900), step)}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_drawn_without_a_complaint_and_fits(
    open_page: Open, tmp_path: Path, scheme: str, width: int
) -> None:
    opened = open_page(small(), width=width, scheme=scheme)
    page = opened.page
    shot = page.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)
    assert opened.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert len(colours_of(shot)) > 100
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(251, 251, 250)", "dark": "rgb(18, 20, 23)"}[scheme]
    assert page.title() == "shop: layers and functions"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_stands_in_the_way_of_anyone(open_page: Open, scheme: str) -> None:
    """axe-core: roles, names, contrast, focus, landmarks."""
    page = open_page(small(), scheme=scheme).page
    assert Axe().run(page).generate_report() == "Found 0 accessibility violations:\n"
    page.check('input[value="functions"]', force=True)
    assert Axe().run(page).violations_count == 0


def test_tiles_fill_the_map_and_their_areas_are_their_bytes(open_page: Open) -> None:
    page = open_page(small()).page
    boxes = page.evaluate(
        """[...document.querySelectorAll('#map-tiles > *')].map((group) => ({
            name: group.getAttribute('aria-label').split(':')[0],
            area: parseFloat(group.style.width) * parseFloat(group.style.height),
        }))"""
    )
    whole = page.evaluate("(m => m.clientWidth * m.clientHeight)(document.getElementById('map-tiles'))")
    assert [box["name"] for box in boxes] == [
        "shop-py313-x86-64-scipy",
        "shop-py313-x86-64-pandas",
        "shop-py313-x86-64-pydantic",
    ]
    assert sum(box["area"] for box in boxes) == pytest.approx(whole, rel=1e-6)
    assert boxes[0]["area"] / boxes[1]["area"] == pytest.approx(158 / 91, rel=1e-6)
    # No tile hangs out of its group.
    assert page.evaluate(
        """[...document.querySelectorAll('.group > .tile')].every((tile) => {
            const [inner, outer] = [tile, tile.parentElement].map((e) => e.getBoundingClientRect());
            return inner.right <= outer.right + 1 && inner.bottom <= outer.bottom + 1;
        })"""
    )


def test_the_map_is_walked_by_keys(open_page: Open) -> None:
    page = open_page(small()).page
    focused = page.locator(":focus")
    page.focus('input[name="view"]:checked')
    page.keyboard.press("Tab")
    expect(focused).to_have_attribute(
        "aria-label",
        "shop-py313-x86-64-scipy: 158.0 MB, 62% of all layers, python3.13-x86_64, taken by 1 function. Open.",
    )
    page.keyboard.press("ArrowDown")
    expect(focused).to_have_attribute(
        "aria-label", "scipy 1.18.1: 108.0 MB, 68% of shop-py313-x86-64-scipy, MIT, 120 files. Open."
    )
    expect(page.locator("#map-detail")).to_contain_text("scipy 1.18.1: 108.0 MB")
    page.keyboard.press("ArrowRight")
    expect(focused).to_have_attribute(
        "aria-label", "numpy 2.3.1: 50.0 MB, 32% of shop-py313-x86-64-scipy, BSD-3-Clause, 120 files. Open."
    )
    # In, and back to where one was.
    page.keyboard.press("Enter")
    expect(page.locator("#map-path")).to_have_text("all layersshop-py313-x86-64-scipynumpy 2.3.1")
    expect(focused).to_have_attribute("aria-label", "117 other files: 25.0 MB, 50% of numpy 2.3.1")
    page.keyboard.press("Escape")
    expect(focused).to_have_attribute(
        "aria-label", "numpy 2.3.1: 50.0 MB, 32% of shop-py313-x86-64-scipy, BSD-3-Clause, 120 files. Open."
    )
    page.keyboard.press("Escape")
    expect(page.locator("#map-path")).to_have_text("all layers")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    expect(focused).to_have_class("name")
    # One stop for the Tab key, however many tiles there are.
    assert page.locator('#map-tiles [tabindex="0"]').count() == 1
    page.keyboard.press("Tab")
    expect(page.locator("#map-tiles :focus")).to_have_count(0)


def test_bytes_are_grouped_by_functions_and_distributions_too(open_page: Open) -> None:
    page = open_page(small()).page
    groups = page.locator("#map-tiles > .group")
    page.check('input[value="distributions"]', force=True)
    assert [groups.nth(at).get_attribute("aria-label") for at in range(3)] == ["scipy", "numpy", "pandas"]
    assert groups.nth(1).locator(".tile").count() == 2
    page.check('input[value="functions"]', force=True)
    expect(groups.first).to_have_attribute("aria-label", "reports")
    hues = page.evaluate(
        """[...document.querySelectorAll('.tile')].filter((tile) => tile.title.startsWith('numpy'))
            .map((tile) => tile.style.getPropertyValue('--hue'))"""
    )
    assert len(hues) > 1
    assert len(set(hues)) == 1


def test_tables_say_the_same(open_page: Open) -> None:
    page = open_page(small()).page
    first = page.locator("#functions tbody tr").first
    expect(first.locator("th")).to_have_text("reports")
    expect(first.locator("td").nth(0)).to_have_text("254.2 MB, 102%")
    expect(first.locator(".bar")).to_have_class("bar error")
    page.get_by_role("button", name="Function", exact=True).click()
    expect(page.locator("#functions tbody th").first).to_have_text("billing")
    expect(page.locator("#functions thead th").first).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("#licenses tbody th").first).to_have_text("unknown")
    expect(page.locator("#copies tbody")).to_contain_text("numpy")
    expect(page.locator("#copies tbody")).to_contain_text("50.0 MB")
    expect(page.locator("#files tbody code").first).to_have_text("python/scipy/part0.so")
    assert page.locator("#matrix .dot").all_inner_texts() == ["1", "2", "1", "2", "3", "1"]
    expect(page.locator("#findings li").first).to_contain_text("hint: split reports, or do without scipy")


def test_a_thousand_functions_are_quick_and_never_all_in_the_page(open_page: Open) -> None:
    opened = open_page(large())
    page = opened.page
    assert opened.file.stat().st_size < 1_000_000
    assert opened.complaints == []
    spent = page.evaluate(
        """(() => { const { domContentLoadedEventEnd: end, responseEnd: begin } =
            performance.getEntriesByType('navigation')[0]; return end - begin; })()"""
    )
    assert spent < 5000
    rows = page.locator("#functions tbody tr")
    assert rows.count() == 25
    assert page.locator("#matrix tbody tr").count() == 25
    page.check('input[value="functions"]', force=True)
    assert page.evaluate("document.querySelectorAll('*').length") < 6000
    page.get_by_role("button", name="Next functions", exact=True).click()
    expect(page.locator("#functions .pager span")).to_have_text("26\u201350 of 1,000")
    page.get_by_label("Filter functions").fill("0042")
    expect(rows).to_have_count(1)
    expect(rows.locator("th")).to_have_text("function-0042")
    page.get_by_label("Filter functions").fill("no such function")
    expect(page.locator("#functions .pager span")).to_have_text("none of that name")


@pytest.mark.parametrize("view", ["layers", "functions", "distributions"])
def test_hostile_names_are_shown_and_never_run(open_page: Open, view: str) -> None:
    opened = open_page(hostile())
    page = opened.page
    page.check(f'input[value="{view}"]', force=True)
    page.locator("#map-tiles button").first.click()
    for name in ("Function", "Layer", "Licence"):
        page.get_by_role("button", name=name, exact=True).click()
    assert page.evaluate("window.hit") is None
    assert opened.complaints == []
    assert page.locator("img, svg, iframe, a[href^=javascript]").count() == 0
    expect(page.locator("h1")).to_have_text(HOSTILE[0])
    expect(page.locator("#licenses tbody")).to_contain_text(HOSTILE[1])
    # Characters that turn the reading order are shown as what they are: strangers.
    assert "\u202e" not in page.locator("body").inner_text()


def test_the_policy_keeps_what_is_injected_from_running(open_page: Open) -> None:
    opened = open_page(small())
    page = opened.page
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.hit = 1';
            document.body.append(script);
            document.body.setAttribute('onclick', 'window.hit = 2');
            document.body.click();
            document.body.insertAdjacentHTML('beforeend', '<img src="https://example.com/x.png">');
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
    refused = [text for text in opened.complaints if "Content Security Policy" in text]
    assert len(refused) == 3


def test_the_map_is_drawn_anew_where_the_window_changes(open_page: Open) -> None:
    page = open_page(small()).page
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    widest = page.evaluate(
        """Math.max(...[...document.querySelectorAll('#map-tiles > *')].map(
            (tile) => tile.getBoundingClientRect().right))"""
    )
    assert widest <= 390
