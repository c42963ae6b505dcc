"""Playwright, loaded when a browser is first used: to load it takes longer than many tests."""

from __future__ import annotations

from typing import Any

# The test machine may be busy.
TIMEOUT_MS = 20_000


def expect(actual: Any, message: str | None = None) -> Any:
    """Return Playwright's assertions about a page or a part of one."""
    from playwright.sync_api import expect as real

    real.set_options(timeout=TIMEOUT_MS)
    return real(actual, message)


def sync_playwright() -> Any:
    """Return Playwright's context manager."""
    from playwright.sync_api import sync_playwright as real

    return real()
