"""Which modules a function finds, and which distribution brings each: told from names of files. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from layerforge.check.contents import BuiltFunction, Installed, ZipContents
from layerforge.check.extension_names import module_stem
from layerforge.check.import_tracing import OwnModule

# Who brings what no distribution of the lock does: the function's own code.
OWN = ""


class MountedModules:
    """Everything on a function's sys.path but the runtime's.

    `locked` are the distributions of its lock, `local` those of them that the user keeps beside the
    functions. `own` are modules that the user has written, `dotted` which modules a distribution has.
    """

    def __init__(self, function: BuiltFunction, locked: Collection[str], local: Collection[str]) -> None:
        self.own: dict[str, OwnModule] = {}
        self.dotted: dict[str, set[str]] = {}
        self.installed: dict[str, tuple[ZipContents, Installed]] = {}
        self._bringers: dict[str, set[str]] = {}
        self._regular: set[str] = set()
        for contents in reversed(function.zips):
            self._add(contents, locked, local)

    def _add(self, contents: ZipContents, locked: Collection[str], local: Collection[str]) -> None:
        for one in contents.installed:
            self.installed.setdefault(one.name, (contents, one))
        for path in contents.files:
            inside = contents.module_path(path)
            dotted = _dotted(inside) if inside else None
            if not dotted:
                continue
            owner = contents.owners.get(path)
            name = owner.name if owner and owner.name in locked else OWN
            self._note(dotted, name, is_regular=path not in contents.namespaces)
            is_own = name in local if name else contents.is_code
            if is_own and path.endswith(".py"):
                module = OwnModule(zip=zip_key(contents), path=path, is_code=contents.is_code and not name)
                self.own.setdefault(dotted, module)

    def _note(self, dotted: str, name: str, *, is_regular: bool) -> None:
        if is_regular:
            self._regular.add(dotted)
        self.dotted.setdefault(name, set()).add(dotted)
        for prefix in _prefixes(dotted):
            self._bringers.setdefault(prefix, set()).add(name)

    def bringers(self, dotted: str) -> frozenset[str]:
        """Who brings a module, or what it is an attribute of; nobody if it is not there."""
        for prefix in reversed(list(_prefixes(dotted))):
            if prefix in self._bringers:
                whole = prefix == dotted or any(one in self._regular for one in _prefixes(prefix))
                return frozenset(self._bringers[prefix]) if whole else frozenset()
        return frozenset()

    def top_names(self, name: str) -> frozenset[str]:
        """What an import of a distribution begins with."""
        return frozenset(dotted.partition(".")[0] for dotted in self.dotted.get(name, ()))


def zip_key(contents: ZipContents) -> str:
    """Names a zip among layers and code: a function may be called like a layer."""
    return contents.label


def _prefixes(dotted: str) -> Iterable[str]:
    parts = dotted.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


@lru_cache(maxsize=65_536)
def _dotted(path: str) -> str | None:
    """`shop.orders` of `shop/orders.py`, `shop` of `shop/__init__.py`; None for what is no module."""
    *folders, file = path.split("/")
    name = module_stem(file)
    if name is None:
        return None
    parts = folders if name == "__init__" else [*folders, name]
    return ".".join(parts) or None
