"""Accessibility checks with axe-core: structure, and colours in both themes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sampling import IS_FULL

if TYPE_CHECKING:
    from playwright.sync_api import Page

_RUN = Path(__file__).with_name("axe.js").read_text(encoding="utf-8")
# Combinations of colours that have passed, in this process.
_passed: list[str] = []


@cache
def _axe() -> str:
    # Loaded when it is first used: it loads Playwright.
    from axe_playwright_python.sync_playwright import Axe

    return Axe().axe_script


def find_violations(page: Page) -> list[str]:
    """Return the violations on a page as it is now, in the light and the dark theme."""
    page.evaluate(_axe())
    page.evaluate(_RUN, {"passed": _passed, "isFull": IS_FULL})
    # Not the promise itself: ``evaluate`` waits without a limit.
    page.wait_for_selector("html[data-axe=done]")
    found = page.evaluate("window.axeFound")
    _passed[:] = found["passed"]
    return found["violations"]
