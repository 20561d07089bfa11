"""Where each file of a wheel goes in a layer zip, and how many bytes that makes: pure functions.

A layer is unpacked at `/opt`, so a zip's `python/` is on `sys.path` and its `bin/` on `PATH`
(https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html). The schemes of a wheel are in
https://packaging.python.org/en/latest/specifications/binary-distribution-format/, the files of an
installed distribution in https://packaging.python.org/en/latest/specifications/recording-installed-packages/.

The size of a laid-out wheel is the same for every target, and for several at once: the first line
of a program has the same length for all supported runtimes (`python3.10` to `python3.15`), and a
row of RECORD has a digest of fixed length. So it can be told from the directory of a wheel before
anything is downloaded.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from layerforge.wheels.directory import BadWheelError

# Raise it when the same wheels would give other bytes: every layer is then built anew.
LAYOUT_VERSION = 2

INSTALLER = b"layerforge\n"
_SCRIPT_GROUPS = ("console_scripts", "gui_scripts")
# Written anew, or true only of the wheel as it was signed and of the place where it was installed.
_REPLACED = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"})
_FOLDERS = {"purelib": "python/", "platlib": "python/", "scripts": "bin/", "data": ""}
_SHA256_FIELD = len("sha256=") + 43
_NEEDS_QUOTES = re.compile('[",\r\n]')


@dataclass(frozen=True, slots=True)
class Place:
    """Where a zip has its packages: below `python/` in a layer, at the top beside a function's code.

    Everything else (`bin/`, `lib/`, `share/`) lies at the top of either. Paths are told as in a layer.
    """

    packages: str

    def path(self, path: str) -> str:
        """Where the file at `path` of a layer goes in this zip."""
        return self.packages + path[7:] if path.startswith("python/") else path

    def recorded(self, path: str) -> str:
        """`path` of a layer as RECORD names it: relative to the packages."""
        if path.startswith("python/"):
            return path[7:]
        return f"../{path}" if self.packages else path


IN_LAYER = Place("python/")
BESIDE_CODE = Place("")


class File(Protocol):
    """What a layout needs to know of a member of a wheel; `size` in bytes."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def executable(self) -> bool: ...  # noqa: D102


class Command(NamedTuple):
    """An entry point that becomes a program: `name` runs `module`'s `function` (dotted)."""

    name: str
    module: str
    function: str


class Placed(NamedTuple):
    """A file of the wheel (`member`: its place among the members) at `path` of the zip.

    `head` is the length in bytes of a first line that the interpreter's takes the place of, or 0.
    """

    path: str
    member: int
    executable: bool
    head: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """All files of a distribution in a layer: copied ones, programs, and those of `dist_info`."""

    dist_info: str
    placed: tuple[Placed, ...]
    commands: tuple[Command, ...]

    @property
    def record_path(self) -> str:
        """Where RECORD goes in the zip."""
        return f"python/{self.dist_info}/RECORD"

    @property
    def installer_path(self) -> str:
        """Where INSTALLER goes in the zip."""
        return f"python/{self.dist_info}/INSTALLER"


def make_layout(
    filename: str,
    *,
    dist_info: str,
    members: Sequence[File],
    commands: Sequence[Command],
    heads: Mapping[str, int],
) -> Layout:
    """Place the members of the wheel `filename`; `heads` are lengths of shebang lines by member name.

    Raises BadWheelError where two files would get the same path, or a scheme is unknown.
    """
    programs = {f"bin/{command.name}" for command in commands}
    placed = []
    for index, member in enumerate(members):
        path, is_script = _place(member.name, dist_info, filename)
        # As installers do, the entry point's program replaces a script of the same name.
        if path is None or (is_script and path in programs):
            continue
        head = heads.get(member.name, 0) if is_script else 0
        placed.append(Placed(path, index, is_script or member.executable, head))
    layout = Layout(dist_info=dist_info, placed=tuple(placed), commands=tuple(commands))
    _refuse_clashes(layout, filename)
    return layout


def _place(name: str, dist_info: str, filename: str) -> tuple[str | None, bool]:
    """The path in the zip (None: left out), and whether it is a script."""
    top, _, rest = name.partition("/")
    if top == dist_info:
        return (None if rest in _REPLACED else f"python/{name}"), False
    if not top.endswith(".data") or not rest:
        return f"python/{name}", False
    scheme, _, path = rest.partition("/")
    if scheme == "headers" and path:
        return None, False
    if scheme not in _FOLDERS or not path:
        raise BadWheelError(
            filename,
            f"{name!r} lies in none of the places that wheels know "
            "(purelib, platlib, scripts, data, headers)",
        )
    return _FOLDERS[scheme] + path, scheme == "scripts"


def _refuse_clashes(layout: Layout, filename: str) -> None:
    paths = [item.path for item in layout.placed]
    paths += [f"bin/{command.name}" for command in layout.commands]
    paths += [layout.record_path, layout.installer_path]
    if len(set(paths)) == len(paths):
        return
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise BadWheelError(filename, f"two of its files would become {path!r} of the layer")
        seen.add(path)


def unzipped_size(layout: Layout, members: Sequence[File]) -> int:
    """Bytes of all files of `layout` when the layer is unpacked, the written ones included."""
    rows = [(item.path, placed_size(item, members)) for item in layout.placed]
    rows += [
        (f"bin/{command.name}", len(format_program(command, python=(3, 10)))) for command in layout.commands
    ]
    rows.append((layout.installer_path, len(INSTALLER)))
    # `path,sha256=…,size` and the newline; RECORD's own row is `path,,`.
    lines = sum(len(_record_field(path)) + len(str(size)) + _SHA256_FIELD + 3 for path, size in rows)
    return sum(size for _, size in rows) + lines + len(_record_field(layout.record_path)) + 3


def placed_size(item: Placed, members: Sequence[File]) -> int:
    """Bytes of one placed file, a new first line included."""
    size = members[item.member].size
    return size - item.head + len(shebang((3, 10))) if item.head else size


def shebang(python: tuple[int, int] | None) -> bytes:
    """The first line of a script: the runtime's interpreter; None: whichever it has.

    Blanks after `#!` are passed over (execve(2)): they make every such line equally long.
    """
    if python is None:
        return b"#!   /var/lang/bin/python3\n"
    return f"#!/var/lang/bin/python{python[0]}.{python[1]}\n".encode()


def head_length(first_bytes: bytes) -> int:
    r"""Length of a first line that wheels leave to the installer (`#!python…\n`), or 0."""
    if not first_bytes.startswith(b"#!python"):
        return 0
    end = first_bytes.find(b"\n")
    return end + 1


_FIND_IN_LAYER = """\
packages = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "python")
if packages not in sys.path:
    sys.path.insert(1, packages)"""
# Shorter than the other: what is bundled takes no more than it would in a layer.
_FIND_BESIDE_CODE = """\
packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[1:1] = [packages, "/opt/python"]"""


def format_program(command: Command, *, python: tuple[int, int] | None, place: Place = IN_LAYER) -> bytes:
    """The program in `bin/` of an entry point.

    It finds its packages from its own place, because a process that a function starts has
    `/opt/python` on its path only as long as nobody changes PYTHONPATH. What a program beside the code
    requires may lie in a layer.
    """
    root = command.function.partition(".")[0]
    text = f"""\
import os
import sys

{_FIND_IN_LAYER if place.packages else _FIND_BESIDE_CODE}
from {command.module} import {root}

if __name__ == "__main__":
    sys.exit({command.function}())
"""
    return shebang(python) + text.encode()


def format_record(
    rows: Iterable[tuple[str, str, int]], *, record_path: str, place: Place = IN_LAYER
) -> bytes:
    """RECORD of files given as path in a layer, sha256 (base64url, unpadded) and size; sorted."""
    lines = [
        b"%b,sha256=%b,%d\n" % (_record_field(path, place), digest.encode(), size)
        for path, digest, size in rows
    ]
    lines.append(_record_field(record_path, place) + b",,\n")
    lines.sort()
    return b"".join(lines)


def record_growth(files: Iterable[tuple[str, int]]) -> int:
    """Bytes that rows for more files (path in the zip, size) add to RECORD."""
    return sum(len(_record_field(path)) + len(str(size)) + _SHA256_FIELD + 3 for path, size in files)


def _record_field(path: str, place: Place = IN_LAYER) -> bytes:
    """`path` of a layer as RECORD names it, quoted as CSV where needed."""
    name = place.recorded(path)
    if _NEEDS_QUOTES.search(name):
        name = '"' + name.replace('"', '""') + '"'
    return name.encode()


def parse_commands(text: str, *, filename: str) -> tuple[Command, ...]:
    """The programs of `entry_points.txt`, sorted by name. Raises BadWheelError for hostile or broken ones.

    Source: https://packaging.python.org/en/latest/specifications/entry-points/
    """
    commands: dict[str, Command] = {}
    section = ""
    for line in map(str.strip, text.splitlines()):
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            section = line[1:-1].strip()
        elif section in _SCRIPT_GROUPS:
            command = _parse_command(line, filename)
            commands[command.name] = command
    return tuple(sorted(commands.values()))


def _parse_command(line: str, filename: str) -> Command:
    name, equals, value = (part.strip() for part in line.partition("="))
    reference = value.partition("[")[0].strip()
    module, colon, function = (part.strip() for part in reference.partition(":"))
    if not (equals and colon and _is_dotted(module) and _is_dotted(function)):
        raise BadWheelError(filename, f"its entry point {line!r} does not name a function to run")
    if not name or name in (".", "..") or not name.isprintable() or {"/", "\\"} & set(name):
        raise BadWheelError(filename, f"its entry point {line!r} would put a program outside of bin/")
    return Command(name, module, function)


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in text.split("."))
