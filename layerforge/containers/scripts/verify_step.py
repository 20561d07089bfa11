"""One step of a verification, in a process of its own: it may crash, hang or eat all memory.

Run by verify_function.py inside the run image. It imports little, and nothing that Lambda's runtime
client would not have imported before the handler, so that import times are those of a cold start.
"""

# pathlib is not among what it may import.
# ruff: noqa: PTH100, PTH112, PTH113, PTH118, PTH119, PTH120, PTH123, PTH208

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable
from typing import Any

# Import times before this line are those of the interpreter's start.
MARK = "layerforge-step-begins"
_NAME = re.compile(r"[\w.-]+")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)""")
_TEXT = 2000
_LINES = 30
_CHAIN = 5


def set_path(step: dict[str, Any]) -> None:
    """Make sys.path what Lambda's is, and run the `.pth` files of the layers."""
    import site

    own = [entry for entry in sys.path[1:] if entry not in step["path"]]
    sys.path[:] = [*step["path"], *own]
    sys.path_importer_cache.clear()
    known = set(sys.path)
    for folder in step["pth_folders"]:
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if name.endswith(".pth") and not name.startswith("."):
                site.addpackage(folder, name, known)


def import_modules(step: dict[str, Any]) -> dict[str, Any]:
    """Import every module, look up the handler if there is one, and tell what that loaded."""
    files: dict[str, Any] = {}
    _mark()
    started = time.perf_counter()
    for name in step["modules"]:
        try:
            files[name] = _place(_import(name, as_runtime=step.get("attribute") is not None))
        except BaseException as error:  # noqa: BLE001 - sys.exit at import is a finding too
            return {"raised": describe(error, step), "module": name, "peak_memory": peak_memory()}
    answer: dict[str, Any] = {
        "seconds": time.perf_counter() - started,
        "peak_memory": peak_memory(),
        "files": files,
        "loaded": _loaded(step["packages"]),
        "sdk_loaded": "botocore" in sys.modules,
    }
    if step.get("attribute") is not None:
        handler = getattr(sys.modules[step["modules"][-1]], step["attribute"], None)
        answer["handler"] = "missing" if handler is None else "ok" if callable(handler) else "not callable"
    return answer


def _import(name: str, *, as_runtime: bool) -> Any:
    """The module. The runtime takes import_module, of which `-X importtime` shows what it imports only."""
    if as_runtime:
        return importlib.import_module(name)
    __import__(name)
    return sys.modules[name]


def find_sdk(step: dict[str, Any]) -> dict[str, Any]:
    """Tell where each module comes from, without importing it."""
    found: dict[str, str | None] = {}
    for name in step["modules"]:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        found[name] = spec.origin if spec else None
    return {"origins": found}


def find_distributions(step: dict[str, Any]) -> dict[str, Any]:
    """Tell of each distribution what importlib.metadata knows, and who owns which file of the layers."""
    from importlib import metadata

    found: dict[str, Any] = {}
    for name in step["distributions"]:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            found[name] = None
            continue
        files = [str(path) for path in distribution.files or ()]
        scripts = [
            entry.name
            for entry in distribution.entry_points
            # What needs an extra is not there unless the extra was asked for.
            if entry.group == "console_scripts" and not entry.extras
        ]
        found[name] = {
            "version": distribution.version,
            "base": os.path.abspath(str(distribution.locate_file(""))),
            "name": distribution.metadata["Name"],
            "files": files,
            "hashes": {
                str(path): path.hash.value for path in distribution.files or () if path.hash is not None
            },
            "top_level": (distribution.read_text("top_level.txt") or "").split(),
            "scripts": sorted(set(scripts)),
            "optional": _optional(distribution.requires or ()),
        }
    return {"distributions": found, "owners": _owners(step["packages"])}


def _optional(requires: Iterable[str]) -> list[list[str]]:
    """What only an extra brings: the distribution's normalised name and the extra."""
    found = [(_NAME.match(text), _EXTRA.search(text)) for text in requires]
    return [[re.sub(r"[-_.]+", "-", name[0]).lower(), extra[1]] for name, extra in found if name and extra]


def _owners(folders: list[str]) -> dict[str, list[str]]:
    """Which distributions say of a file in these folders that it is theirs."""
    from importlib import metadata

    owners: dict[str, list[str]] = {}
    for distribution in metadata.distributions(path=folders):
        name = f"{distribution.metadata['Name']} {distribution.version}"
        base = os.path.abspath(str(distribution.locate_file("")))
        for path in distribution.files or ():
            if path.parts[0] != "..":
                owners.setdefault(f"{base}/{path}", []).append(name)
    return owners


def _place(module: Any) -> dict[str, Any]:
    paths = [str(path) for path in getattr(module, "__path__", ())]
    return {"file": getattr(module, "__file__", None), "paths": paths}


def _loaded(folders: list[str]) -> list[str]:
    """Source files in these folders that are imported now."""
    found: set[str] = set()
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py"):
            found.update([path] if any(path.startswith(f"{folder}/") for folder in folders) else ())
    return sorted(found)


def peak_memory() -> int:
    """Bytes of memory that this program had at most.

    ru_maxrss counts what its parent had before it was started (fork), VmHWM does not.
    """
    try:
        with open("/proc/self/status", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def describe(error: BaseException, step: dict[str, Any]) -> dict[str, Any]:
    """Tell of an error all that helps to find its cause: its chain, its place, the files it names."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain and len(chain) < _CHAIN:
        chain.append(following)
        following = following.__cause__ or following.__context__
    errors = [_describe_one(one) for one in chain]
    return {
        "errors": errors,
        "traceback": _last_lines(error),
        "files": [_elf(path) for path in _native_files(errors, step)],
        "libc": _libc(),
    }


def _describe_one(error: BaseException) -> dict[str, Any]:
    number, name = getattr(error, "errno", None), getattr(error, "filename", None)
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__],
        "message": _safe_text(error)[:_TEXT],
        "errno": number if isinstance(number, int) else None,
        "filename": name if isinstance(name, str) else None,
        "name": getattr(error, "name", None) if isinstance(error, ImportError) else None,
        "path": getattr(error, "path", None) if isinstance(error, ImportError) else None,
        "raised_in": [frames[-1].filename, frames[-1].name] if frames else None,
    }


def _safe_text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the code under test may do as it likes
        return "(it has no text)"


def _last_lines(error: BaseException) -> list[str]:
    """The traceback without this program's and importlib's frames."""
    try:
        shown = traceback.TracebackException.from_exception(error)
        _drop_frames(shown)
        lines = "".join(shown.format()).splitlines()
    except Exception:  # noqa: BLE001 - an error whose own text cannot be made
        lines = [type(error).__name__]
    return [line[:_TEXT] for line in lines[-_LINES:]]


def _drop_frames(shown: traceback.TracebackException) -> None:
    kept = [frame for frame in shown.stack if not _is_ours(frame.filename)]
    shown.stack[:] = kept
    for other in (shown.__cause__, shown.__context__):
        if other is not None:
            _drop_frames(other)


def _is_ours(filename: str) -> bool:
    importing = filename.startswith("<frozen importlib") or filename.endswith("/importlib/__init__.py")
    return importing or os.path.abspath(filename) == os.path.abspath(__file__)


def _native_files(errors: list[dict[str, Any]], step: dict[str, Any]) -> list[str]:
    """Shared objects that the errors name, or that would be the module if they fitted."""
    found: list[str] = []
    for error in errors:
        words = error["message"].replace("(", " ").replace(")", " ").split()
        found += [word.rstrip(":,") for word in words if word.startswith("/") and ".so" in word]
        found += [error["path"]] if error["path"] and ".so" in error["path"] else []
        if error["type"] == "ModuleNotFoundError" and error["name"]:
            found += _misfits(error["name"], step["path"])
        if error["type"] == "ImportError" and error["path"] and error["path"].endswith("__init__.py"):
            folder = os.path.dirname(error["path"])
            found += [name for name in _extensions(folder) if f"'{_stem(name)}'" in error["message"]]
    return [path for path in dict.fromkeys(found) if os.path.isfile(path)][:5]


def _misfits(name: str, path: list[str]) -> list[str]:
    *folders, last = name.split(".")
    places = [os.path.join(entry, *folders) for entry in path]
    return [file for place in places for file in _extensions(place) if _stem(file) == last]


def _extensions(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".so")]


def _stem(path: str) -> str:
    return os.path.basename(path).partition(".")[0]


def _elf(path: str) -> dict[str, Any]:
    """What a file's head says: word size in bits and e_machine; None of both if it is no ELF file."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(20)
    except OSError:
        head = b""
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return {"path": path, "bits": None, "machine": None}
    order = "big" if head[5] == 2 else "little"
    machine = int.from_bytes(head[18:20], order)  # type: ignore[arg-type]
    return {"path": path, "bits": 64 if head[4] == 2 else 32, "machine": machine}


def _libc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None


def _mark() -> None:
    sys.stderr.write(f"{MARK}\n")
    sys.stderr.flush()


KINDS = {"import": import_modules, "sdk": find_sdk, "distributions": find_distributions}


def main() -> None:
    """Read the step's file, do it, write the answer beside it."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        step = json.load(stream)
    sys.argv[:] = [step["argv0"]]
    set_path(step)
    answer = KINDS[step["kind"]](step)
    with open(step["answer"], "w", encoding="utf-8") as stream:
        json.dump(answer, stream)
    for output in (sys.stdout, sys.stderr):
        output.flush()
    # Threads and exit handlers of the imported code are not what is verified.
    os._exit(0)


if __name__ == "__main__":
    main()
