"""How a feature announces itself: by being a subclass, in the right folder."""

from __future__ import annotations

from typing import ClassVar, Self


class Plug:
    """Base of everything that is added by dropping one file into a domain.

    A direct subclass (``Tab``, ``Importer``…) opens a new *kind* of plug; every concrete
    class below it is collected, in import order.
    """

    _plugged: ClassVar[list[type]]

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        if Plug in cls.__bases__:
            cls._plugged = []
        elif not abstract:
            cls._plugged.append(cls)

    @classmethod
    def all(cls) -> tuple[type[Self], ...]:
        """Return every concrete plug of this kind."""
        return tuple(plug for plug in cls._plugged if issubclass(plug, cls))
