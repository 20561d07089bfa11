"""Distributions in a function's own zip: at its top, where Lambda looks first, beside its code.

`/var/task` is the first entry of sys.path, and `.pth` files in it run as they do in `/opt/python`; its
`lib/` is on LD_LIBRARY_PATH, but its `bin/` is on no path. So nothing of a wheel is lost there but that
its programs are started by their whole name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from layerforge.build.archive import ZipEntry
from layerforge.build.code import Code
from layerforge.build.store import StoredWheel
from layerforge.errors import BuildError
from layerforge.wheels.layout import BESIDE_CODE

_MODULE_SUFFIXES = (".py", ".so")


def refuse_collisions(code: Code, entries: Iterable[ZipEntry], wheels: Sequence[StoredWheel]) -> None:
    """Raise BuildError where a file of `wheels` would take the place of one of the function's own.

    So it does where the paths are the same, where one is a folder of the other, and where a module has the
    name of a package: of these, Python imports only one.
    """
    own = sorted(entry.path for entry in code.entries)
    places = {path: path for path in own}
    inside = {folder: path for path in reversed(own) for folder in _folders(path)}
    modules = {name: path for path in own if (name := _module(path))}
    packages = {folder: path for folder, path in inside.items() if f"{folder}/__init__.py" in places}
    for path in sorted(entry.path for entry in entries):
        folders = _folders(path)
        taken = (
            places.get(path)
            or inside.get(path)
            or next((places[folder] for folder in folders if folder in places), None)
            or (modules.get(folders[0]) if folders else packages.get(_module(path) or ""))
        )
        if taken is not None:
            raise BuildError(
                f"the function's own {taken} and {path} of {_owner(path, wheels)} cannot lie in one zip",
                where=code.source,
                hint="rename or remove its own, or let the function take that distribution from a layer "
                "(bundle in the config)",
            )


def _folders(path: str) -> tuple[str, ...]:
    """The folders that a file lies in, outermost first."""
    return tuple(path[:at] for at, sign in enumerate(path) if sign == "/")


def _module(path: str) -> str | None:
    """What a file at the top is imported as."""
    return path.partition(".")[0] if "/" not in path and path.endswith(_MODULE_SUFFIXES) else None


def _owner(path: str, wheels: Iterable[StoredWheel]) -> str:
    """Which of `wheels` brings a file: bytecode is its module's."""
    source = path.replace("__pycache__/", "").partition(".cpython-")[0] + ".py"
    for wheel in wheels:
        layout = wheel.layout()
        held = {BESIDE_CODE.path(item.path) for item in layout.placed}
        held |= {f"bin/{command.name}" for command in layout.commands}
        if {path, source} & held or path.startswith(f"{wheel.dist_info}/"):
            return f"{wheel.name} {wheel.version}"
    return "what is bundled with it"
