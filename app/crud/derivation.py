"""Views that are derived from a screen by one of its attributes, such as ``trash = True``."""

from __future__ import annotations

from typing import Any, ClassVar

from app.registry import Plug


class Derivation(Plug):
    """Makes a class from every screen whose ``attribute`` is true.

    It does not matter which comes first, the screen or the derivation.
    """

    attribute: ClassVar[str]
    # The base class of all screens.
    screens: ClassVar[type[Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for screen in cls.screens.all():
            cls.consider(screen)

    @classmethod
    def consider(cls, screen: type[Any]) -> None:
        """Make the class, if the screen asks for it."""
        if getattr(screen, cls.attribute):
            cls.derive(screen)

    @classmethod
    def derive(cls, screen: type[Any]) -> None:
        """Make the class; to subclass is to register."""
        raise NotImplementedError


def derived_class(screen: type[Any], base: type[Any], word: str, **attributes: Any) -> None:
    """Make the class named after a screen: of ``ContactView`` and “Trash”, ``ContactTrashView``."""
    name = screen.__name__.removesuffix("View") + word
    about = {"__doc__": screen.__doc__, "__module__": screen.__module__}
    type(name, (base,), about | attributes)
