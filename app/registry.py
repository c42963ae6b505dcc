"""Registration of plugs: subclassing is registering."""

from __future__ import annotations

from typing import ClassVar, Self


class Plug:
    """Base class of features that are added by one file in a domain.

    A direct subclass (``Tab``, ``Importer``…) is a kind of plug. Its concrete subclasses are
    registered in import order; with ``abstract=True`` a subclass is not registered.
    """

    _registered: ClassVar[list[type]]

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        if Plug in cls.__bases__:
            cls._registered = []
        elif not abstract:
            cls._registered.append(cls)

    @classmethod
    def all(cls) -> tuple[type[Self], ...]:
        """Return the registered plugs of this kind."""
        return tuple(plug for plug in cls._registered if issubclass(plug, cls))
