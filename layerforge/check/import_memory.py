"""What modules import, remembered by their zip: parsing is most of what following imports takes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from layerforge import __version__
from layerforge.cache import Cache
from layerforge.check.import_tracing import OwnModule
from layerforge.check.imports import Import, ModuleImports, Need, parse_imports

_KIND = "imports"
# Raise it when the same text would be read differently.
_FORMAT = 1


class ImportMemory:
    """Parses what was not parsed before; a context, which keeps what it learnt at its end.

    `digests` are sha256 of zips, by the names that modules have for them.
    """

    def __init__(self, cache: Cache, digests: Mapping[str, str]) -> None:
        self._cache = cache
        self._digests = digests
        self._known: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()

    def __enter__(self) -> ImportMemory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for zip_name in self._changed:
            self._cache.write_facts(_KIND, self._key(zip_name), self._known[zip_name])

    def parse(self, module: OwnModule, package: str, read: Callable[[], bytes]) -> ModuleImports:
        """The imports of a module, whose text is `read` only if it has to be. Raises SyntaxError."""
        known = self._of_zip(module.zip)
        held = _decode(known.get(module.path), package)
        if held is None:
            held = _parse(read, package)
            known[module.path] = _encode(held, package)
            self._changed.add(module.zip)
        if isinstance(held, SyntaxError):
            raise held
        return held

    def _of_zip(self, zip_name: str) -> dict[str, Any]:
        if zip_name not in self._known:
            stored = self._cache.read_facts(_KIND, self._key(zip_name))
            self._known[zip_name] = stored if isinstance(stored, dict) else {}
        return self._known[zip_name]

    def _key(self, zip_name: str) -> str:
        # What is valid syntax, this interpreter decides.
        text = repr((_FORMAT, __version__, sys.version_info[:2], self._digests[zip_name]))
        return hashlib.sha256(text.encode()).hexdigest()


def _parse(read: Callable[[], bytes], package: str) -> ModuleImports | SyntaxError:
    try:
        return parse_imports(read(), package)
    except SyntaxError as error:
        return error


def _encode(held: ModuleImports | SyntaxError, package: str) -> dict[str, Any]:
    if isinstance(held, SyntaxError):
        return {"package": package, "error": [held.msg, held.lineno]}
    return {
        "package": package,
        "imports": [[one.module, one.names, one.line, int(one.need)] for one in held.imports],
        "words": sorted(held.words),
        "certain": held.is_certain,
    }


def _decode(stored: Any, package: str) -> ModuleImports | SyntaxError | None:
    """What was stored of a module in this package; None if it was not, or is damaged."""
    try:
        if stored is None or stored["package"] != package:
            return None
        if "error" in stored:
            message, line = stored["error"]
            error = SyntaxError(message)
            error.lineno = line
            return error
        return ModuleImports(
            imports=tuple(
                Import(module=module, names=tuple(names), line=line, need=Need(need))
                for module, names, line, need in stored["imports"]
            ),
            words=frozenset(stored["words"]),
            is_certain=stored["certain"],
        )
    except (KeyError, TypeError, ValueError):
        return None
