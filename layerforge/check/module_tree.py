"""Which modules a place on sys.path has, told from the names of its files. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from layerforge.check.extension_names import module_stem


@dataclass(slots=True)
class Module:
    """A module or package of one place. `path` is of its file, or of a first file in it."""

    path: str
    is_regular: bool = False
    is_namespace_init: bool = False
    children: dict[str, Module] = field(default_factory=dict)


def make_module_tree(paths: Iterable[tuple[str, str]], namespaces: Collection[str]) -> dict[str, Module]:
    """Every module by its parts: what can be imported, whether or not anybody does.

    `paths` are of the zip, each with the path as sys.path sees it. `namespaces`: `__init__.py` files
    that only extend their package's path.
    """
    tree: dict[str, Module] = {}
    for path, inside in paths:
        *folders, file = inside.split("/")
        name = module_stem(file)
        if name is None or not name.isidentifier() or not all(folder.isidentifier() for folder in folders):
            continue
        level, package = tree, None
        for folder in folders:
            package = level.setdefault(folder, Module(path=path))
            level = package.children
        if name == "__main__":
            continue
        if name != "__init__":
            level.setdefault(name, Module(path=path)).is_regular = True
        elif package is not None:
            package.path, package.is_regular = path, True
            package.is_namespace_init = path in namespaces
    return tree
