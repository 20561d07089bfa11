"""A real browser: Debian's Chromium, headless, driven by Playwright. See CONTRIBUTING.md."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from layerforge.report.inventory import Inventory
from layerforge.report.page import write_page

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# It has no business outside of this machine, nor a sandbox where tests run as root in a container.
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Fails, and says what to install, where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail("no Chromium: apt-get install chromium, or leave these tests out with -m 'not browser'")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(_FLAGS))
        yield started
        started.close()


class Opened:
    """A page that is open, and whatever it complained of or asked the network for."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.file = file
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)
        page.goto(file.as_uri())
        page.wait_for_selector("#map-tiles button")

    def _asked(self, request: object) -> None:
        url = getattr(request, "url", "")
        if url != self.file.as_uri():
            self.complaints.append(f"asked for {url}")


class Open:
    """`open_page(inventory, width=390, scheme="dark")`."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    def __call__(self, inventory: Inventory, *, width: int = 1280, scheme: str = "light") -> Opened:
        file = self._folder / "report.html"
        write_page(file, inventory)
        dark = scheme == "dark"
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        return Opened(context.new_page(), file)


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Writes the page of an inventory and opens it."""
    yield Open(browser, tmp_path)
    for context in browser.contexts:
        context.close()
