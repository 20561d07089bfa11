"""Projects with a lock that nobody had to resolve: what commands that only read locks are tried on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from layerforge.model.lock import Archive, Distribution, Edge, FunctionRoots, Lock, Root
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.project.loading import load_project
from layerforge.resolve.digest import input_digest
from layerforge.resolve.freshness import reader_below
from layerforge.resolve.lockfile import write_locks

TARGET = Target(runtime="python3.13", architecture="x86_64")


def distribution(
    name: str, version: str, size: int = 1000, *, requires: Iterable[str] = (), url: str = ""
) -> Distribution:
    """One with a wheel on the index (`url`: elsewhere). `size` in bytes unzipped."""
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return Distribution(
        name=name,
        version=version,
        wheel=Archive(filename=filename, url=f"{url or 'https://files.test'}/{filename}", sha256="ab" * 32),
        unzipped_size=size,
        edges=tuple(Edge(name=one) for one in requires),
    )


def write_locked(
    root: Path,
    functions: Mapping[str, Sequence[str]],
    distributions: Iterable[Distribution],
    *,
    config: str = "",
) -> Path:
    """Write code, requirements (one name per line), config and lock of `functions`; the config's path."""
    tables = "".join(f'[functions.{name}]\nsource = "{name}"\n' for name in functions)
    root.mkdir(parents=True, exist_ok=True)
    (root / "layerforge.toml").write_text(f'name = "shop"\nruntime = "python3.13"\n{config}\n{tables}')
    for name, required in functions.items():
        (root / name).mkdir(exist_ok=True)
        (root / name / "app.py").write_text("def handler(event, context):\n    return event\n")
        (root / name / "requirements.txt").write_text("".join(f"{one}\n" for one in required))
    project = load_project(root, config=root / "layerforge.toml")
    digest = input_digest(
        project.functions,
        target=TARGET,
        options=project.settings.options,
        local=[],
        read=reader_below(root),
    )
    lock = Lock(
        cohort=TARGET.slug,
        target=TARGET,
        distributions=tuple(sorted(distributions, key=lambda one: one.name)),
        functions=tuple(
            FunctionRoots(function=name, roots=_roots(name, required))
            for name, required in sorted(functions.items())
        ),
        input_digest=digest,
    )
    write_locks(root, [lock])
    return root / "layerforge.toml"


def _roots(function: str, required: Sequence[str]) -> tuple[Root, ...]:
    origins = [Origin(path=f"{function}/requirements.txt", line=at + 1) for at in range(len(required))]
    return tuple(sorted(Root(name=name, origin=at) for name, at in zip(required, origins, strict=True)))


def git(folder: Path, *arguments: str) -> str:
    """What git says; it fails the test if git fails."""
    settings = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
