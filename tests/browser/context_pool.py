"""Pages in browser contexts that last as long as a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.live_server import LANGUAGES, LiveServer
from tests.browser.playwright import TIMEOUT_MS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


class ContextPool:
    """Opens pages, each in a context of its own; closes them after the test."""

    def __init__(self, browser: Browser, server: LiveServer, errors: list[str]) -> None:
        self.browser, self.server, self.errors = browser, server, errors
        self._open: list[BrowserContext] = []

    def open_page(
        self,
        user: str | None,
        *,
        is_phone: bool = False,
        has_scripts: bool = True,
        has_clock: bool = False,
        language: str = "en",
    ) -> Page:
        """Open a page in which a user is logged in, or nobody.

        With a clock, ``page.clock.run_for()`` lets time pass; it belongs to the whole context.
        """
        context = self._new_context(
            is_phone, has_scripts, has_clock, LANGUAGES.get(user or "", language)
        )
        self._open.append(context)
        if user:
            context.add_cookies([self.server.session_cookie(user)])
        page = context.new_page()
        page.on("crash", lambda: self.errors.append(f"crash: {page.url}"))
        return page

    def _new_context(
        self, is_phone: bool, has_scripts: bool, has_clock: bool, language: str
    ) -> BrowserContext:
        options: dict[str, Any] = {"viewport": DESKTOP}
        if is_phone:
            options = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
        context = self.browser.new_context(
            base_url=self.server.url,
            locale="en-GB" if language == "en" else language,
            reduced_motion="reduce",
            java_script_enabled=has_scripts,
            **options,
        )
        context.set_default_timeout(TIMEOUT_MS)
        if has_clock:
            context.clock.install()
        context.on("weberror", lambda error: self.errors.append(f"script: {error.error}"))
        context.on("console", self._record)
        return context

    def _record(self, message: Any) -> None:
        # Chromium reports a response of 409 or 422 as a failed load.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def reset(self) -> list[str]:
        """Close all contexts with their pages; return and forget the errors.

        A context is closed as a whole: to close a page that is still loading may wait for ever.
        """
        for context in self._open:
            context.close()
        self._open.clear()
        errors = [*self.errors]
        self.errors.clear()
        return errors
