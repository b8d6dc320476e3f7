"""Backends are declared, not branched on: named, of a kind, imported when first used."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from digital_human.errors import InputError, ResourceError, install_fix


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """One way of doing one job.

    Attributes:
        name: What settings and files call it.
        kind: The job, e.g. ``synthesizer``.
        factory: ``package.module:callable`` that makes it.
        extra: Optional dependencies it needs (see `install_fix`).
        capabilities: What it can do, e.g. ``zh``, ``phones``.
    """

    name: str
    kind: str
    factory: str
    extra: str = ""
    capabilities: frozenset[str] = frozenset()

    def create(self, *args: Any, **kwargs: Any) -> Any:
        """Import the factory and call it.

        Raises:
            ResourceError: Its optional dependencies are not installed.
        """
        module, _, attribute = self.factory.partition(":")
        try:
            factory = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            raise ResourceError(
                f"{self.kind} {self.name!r} needs the package {error.name!r}",
                fix=install_fix(self.extra),
            ) from error
        return factory(*args, **kwargs)


class Registry:
    """The backends of one kind.

    Args:
        kind: The job.
        specs: Its backends.
    """

    def __init__(self, kind: str, specs: Iterable[BackendSpec]) -> None:
        self.kind = kind
        self._specs = {spec.name: spec for spec in specs}

    def __getitem__(self, name: str) -> BackendSpec:
        try:
            return self._specs[name]
        except KeyError:
            close = difflib.get_close_matches(name, self._specs, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise InputError(
                f"{self.kind} {name!r} does not exist",
                fix=f"{hint}known: {', '.join(sorted(self._specs))}",
            ) from None

    def names(self) -> list[str]:
        """Names in alphabetical order."""
        return sorted(self._specs)
