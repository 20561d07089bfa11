"""Gather an image's shared libraries for the host to read, and tell what its Python brings.

Takes the path of a request (JSON): `folders` to look into before those of the loader's own settings,
`packages` beside those of sys.path, and `out`, where each library is copied to under a number. Prints
the answer (JSON) on stdout.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_LIBRARY = re.compile(r"\.so(?:\.[\w.]+)?$")
_LARGEST = 128 * 1024 * 1024
_DEEPEST = 4


def loader_folders(path: Path, depth: int = 0) -> list[str]:
    """Folders that the loader's configuration names."""
    found: list[str] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        text = line.partition("#")[0].strip()
        if text.startswith("include "):
            pattern = text[8:].strip()
            base = Path("/") if pattern.startswith("/") else path.parent
            for included in sorted(base.glob(pattern.lstrip("/"))) if depth < _DEEPEST else ():
                found += loader_folders(included, depth + 1)
        elif text.startswith("/"):
            found.append(text)
    return found


def gather(folders: list[str], out: Path) -> dict[str, str]:
    """Copy every library once; the names under which it lies, with the number of its copy."""
    names: dict[str, str] = {}
    copies: dict[Path, str] = {}
    out.mkdir(parents=True, exist_ok=True)
    for folder in dict.fromkeys(folders):
        try:
            entries = sorted(Path(folder).iterdir())
        except OSError:
            continue
        for entry in entries:
            real = entry.resolve()
            # The folder that is looked at first has the library that is taken.
            if entry.name in names or not _LIBRARY.search(entry.name) or not is_elf(real):
                continue
            if real not in copies:
                copies[real] = str(len(copies))
                shutil.copyfile(real, out / copies[real])
            names[entry.name] = copies[real]
    return names


def is_elf(path: Path) -> bool:
    """Whether it is an ELF file of a size that libraries have."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return False
        with path.open("rb") as stream:
            return stream.read(4) == b"\x7fELF"
    except OSError:
        return False


def main() -> None:
    """Answer the request."""
    request: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folders = [*request["folders"], *loader_folders(Path("/etc/ld.so.conf")), "/lib", "/usr/lib"]
    found = list(metadata.distributions(path=[*sys.path, *request["packages"]]))
    answer = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "names": gather(folders, Path(request["out"])),
        "distributions": {one.metadata["Name"]: one.version for one in found if one.metadata["Name"]},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
