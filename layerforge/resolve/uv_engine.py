"""Resolution through the `uv` program: faster than pip-tools, behind the same Protocol.

uv knows only some glibc versions. Where the target's is between two, it resolves for the one above,
and what it took that does not load is passed over, one version after the other. If that leads
nowhere, it resolves for the one below, where everything that uv takes loads. Which wheel of a
version is taken is decided by the target's own tags.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from layerforge.errors import ResolutionError, ToolError
from layerforge.processes import Completed, failure_details, run_process
from layerforge.resolve.engine import NoFittingFileError, Offer, newest_offers, requirement_name
from layerforge.resolve.index import ResolveRequest, Selected
from layerforge.resolve.uv_errors import explain, names_that_need_sdists
from layerforge.resolve.uv_input import (
    Attempt,
    compile_arguments,
    constraint_lines,
    parse_pip_settings,
    platforms_of,
    preference_document,
    requirement_lines,
    uv_environment,
)
from layerforge.resolve.uv_output import Selection, read_selection

# Each attempt learns of a version that does not fit or of a project that has to be built. numpy
# alone had 15 releases since it last had a wheel for glibc 2.26.
_MOST_ATTEMPTS = 60


class UvEngine:
    """Implements `layerforge.resolve.index.Engine` through `uv pip compile`.

    `program` is the path of uv; without it, the one installed beside us or on PATH is taken.
    """

    def __init__(self, program: str | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        self._program = program
        self._environ = os.environ if environ is None else environ
        self._pip_settings: dict[str, str] | None = None

    def resolve(self, request: ResolveRequest) -> tuple[Selected, ...]:
        """Newest versions that fit, sorted by name; an sdist only where no wheel fits.

        Raises ContradictionError, NoFittingFileError, PackageIndexError, or ToolError if uv is missing.
        """
        offers: dict[str, list[Offer]] = {}
        for platform in platforms_of(request.target):
            attempt = Attempt(platform=platform)
            for _ in range(_MOST_ATTEMPTS):
                selection, learnt = self._try(request, attempt, offers)
                if selection is not None:
                    return tuple(self._with_version(one, request) for one in selection.selected)
                if learnt is None:
                    break
                attempt = learnt
        given_up = ", ".join(f"{pin.name} {pin.version}" for pin in attempt.unfit[-5:])
        raise ResolutionError(
            f"gave up after {_MOST_ATTEMPTS} attempts to find files that fit {request.target.name}",
            details=[f"the last ones passed over: {given_up}"] if given_up else (),
            hint="pin these to versions that fit in a constraints file",
        )

    def _try(
        self, request: ResolveRequest, attempt: Attempt, offers: dict[str, list[Offer]]
    ) -> tuple[Selection | None, Attempt | None]:
        """One run of uv: what it selected, or what the next one has to know (None: nothing helps)."""
        completed, text = self._compile(request, attempt)
        said = completed.stderr
        if completed.code:
            needed = names_that_need_sdists(said) - attempt.sdists - _wheels_only(request)
            if needed and ":all:" not in request.options.only_binary:
                # Of these no version has a wheel that fits: then the newest is as good as any.
                unfit = tuple(pin for pin in attempt.unfit if pin.name not in needed)
                return None, replace(attempt, sdists=attempt.sdists | needed, unfit=unfit)
            if attempt.unfit and attempt.platform != platforms_of(request.target)[-1]:
                return None, None
            self._raise(said, request, offers)
        built = attempt.sdists | frozenset(request.options.no_binary)
        selection = read_selection(text, request, sdists=built)
        if not selection.unfit:
            return selection, attempt
        for pin, offer in selection.unfit:
            offers.setdefault(pin.name, []).append(offer)
        return None, replace(attempt, unfit=(*attempt.unfit, *(pin for pin, _ in selection.unfit)))

    def _raise(self, said: str, request: ResolveRequest, offers: Mapping[str, list[Offer]]) -> NoReturn:
        words = {requirement_name(word) for word in said.split()}
        mentioned = next((name for name in sorted(offers) if name in words), None)
        if mentioned:
            # It failed for want of the versions that we took away, as none of their files fits.
            raise NoFittingFileError(
                requirement=mentioned, target=request.target, offers=newest_offers(offers[mentioned])
            )
        everything = ":all:" in request.options.only_binary
        only = names_that_need_sdists(said) if everything else _wheels_only(request)
        raise explain(said, request, wheels_only=only)

    def _compile(self, request: ResolveRequest, attempt: Attempt) -> tuple[Completed, str]:
        # Run in a folder of its own: the [tool.uv] of a project around us must not take part.
        with tempfile.TemporaryDirectory(prefix="layerforge-uv-") as name:
            folder = Path(name).resolve()
            constraints, output = folder / "constraints.txt", folder / "pylock.toml"
            constraints.write_text(constraint_lines(request, attempt), encoding="utf-8")
            if request.preferences:
                output.write_text(preference_document(request.preferences), encoding="utf-8")
            command = [
                self._uv(),
                *compile_arguments(request, attempt, constraints=constraints, output=output),
            ]
            completed = run_process(
                command,
                cwd=folder,
                env=self._environment(request),
                stdin=requirement_lines(request.requirements, request),
            )
            text = output.read_text(encoding="utf-8") if completed.code == 0 else ""
        if completed.code == 2 and "unexpected argument" in completed.stderr:
            raise ToolError(
                "this uv does not know an option that is needed",
                details=failure_details(command, completed),
                hint="pip install --upgrade 'layerforge[uv]'",
            )
        return completed, text

    def _environment(self, request: ResolveRequest) -> dict[str, str]:
        return uv_environment(
            request.options, root=request.root, base=self._environ, pip_settings=self._settings_of_pip()
        )

    def _settings_of_pip(self) -> dict[str, str]:
        if self._pip_settings is None:
            completed = run_process([sys.executable, "-m", "pip", "config", "list"], env=dict(self._environ))
            self._pip_settings = parse_pip_settings(completed.stdout) if completed.code == 0 else {}
        return self._pip_settings

    def _uv(self) -> str:
        if self._program is None:
            self._program = find_uv(self._environ.get("PATH"), beside=Path(sys.executable).parent)
        return self._program

    def _with_version(self, one: Selected, request: ResolveRequest) -> Selected:
        """Tell the version of a local project, which uv leaves out, by having it built."""
        if one.version or one.local is None:
            return one
        source = (request.root / one.local.path).resolve()
        with tempfile.TemporaryDirectory(prefix="layerforge-uv-") as name:
            folder = Path(name).resolve()
            command = (
                *(self._uv(), "pip", "install", "--quiet", "--no-deps", "--no-sources", "--target", name),
                *("--python-version", ".".join(map(str, request.target.python))),
                *("--python-platform", platforms_of(request.target)[-1], str(source)),
            )
            completed = run_process(command, cwd=folder, env=self._environment(request))
            if completed.code:
                raise ResolutionError(
                    f"the local project {one.local.path} cannot be built",
                    details=failure_details(command, completed),
                    hint="its own build has to work: try `pip wheel --no-deps` on it",
                )
            return replace(one, version=_installed_version(folder, one.name))


def find_uv(path: str | None, *, beside: Path) -> str:
    """Path of uv: the one in the folder `beside` (that of our interpreter), else on `path`.

    Raises ToolError if it is in neither.
    """
    import shutil

    found = shutil.which("uv", path=str(beside)) or (shutil.which("uv", path=path) if path else None)
    if found is None:
        raise ToolError(
            'the configuration says resolver = "uv", and uv is not installed',
            hint="pip install 'layerforge[uv]'",
        )
    return found


def _installed_version(folder: Path, name: str) -> str:
    from importlib.metadata import distributions

    from packaging.utils import canonicalize_name

    for distribution in distributions(path=[str(folder)]):
        if canonicalize_name(distribution.metadata["Name"]) == name:
            return distribution.version
    raise ResolutionError(f"the wheel that was built of {name} tells another name")


def _wheels_only(request: ResolveRequest) -> frozenset[str]:
    return frozenset(request.options.only_binary)
