from __future__ import annotations

import pytest

from layerforge.model.lock import Archive, Distribution, Lock
from layerforge.model.target import Target
from layerforge.plan.sharing import admits_python, is_pure, make_sharing

NAMES = ("python3.11-x86_64", "python3.12-arm64", "python3.13-arm64", "python3.13-x86_64")
TARGETS = {
    name: Target(runtime=name.partition("-")[0], architecture=name.partition("-")[2]) for name in NAMES
}


def wheel(tag: str, *, requires_python: str | None = None) -> Distribution:
    filename = f"demo-1.0-{tag}.whl"
    return Distribution(
        name="demo",
        version="1.0",
        wheel=Archive(filename=filename, url=f"https://index.example/{filename}", sha256=tag),
        unzipped_size=1,
        requires_python=requires_python,
    )


SOURCE = Distribution(
    name="demo",
    version="1.0",
    sdist=Archive(filename="demo-1.0.tar.gz", url="https://index.example/x", sha256="s"),
    unzipped_size=1,
)


def takers(distribution: Distribution, *locked_for: str, across: str = "targets") -> tuple[str, ...]:
    """Who may take what is locked for these targets, asked for the first of them."""
    locks = [
        Lock(
            cohort=name,
            target=target,
            distributions=(distribution,) if name in locked_for else (),
            functions=(),
            input_digest="",
        )
        for name, target in TARGETS.items()
    ]
    sharing = make_sharing(locks, tuple(TARGETS.values()), across=across)
    return tuple(target.name for target in sharing.takers(distribution, TARGETS[locked_for[0]]))


@pytest.mark.parametrize(
    ("distribution", "locked_for", "expected"),
    [
        # For any machine and any Python 3: also where no lock holds it.
        (wheel("py3-none-any"), NAMES[:1], NAMES),
        (wheel("py2.py3-none-any"), NAMES[:1], NAMES),
        (wheel("py3-none-any", requires_python=">=3.12"), NAMES[3:], NAMES[1:]),
        # A lock that holds it knows better (--python-version, a patch release).
        (wheel("py3-none-any", requires_python=">=3.14"), NAMES[3:], NAMES[3:]),
        (wheel("cp313-none-any"), NAMES[3:], NAMES[3:]),
        # abi3, and what is tied to a machine only: where it was found to fit.
        (wheel("cp39-abi3-manylinux_2_17_x86_64"), (NAMES[0], NAMES[3]), (NAMES[0], NAMES[3])),
        (wheel("py3-none-manylinux_2_17_x86_64"), NAMES[:1], NAMES[:1]),
        (wheel("cp313-cp313-manylinux_2_17_x86_64"), NAMES[3:], NAMES[3:]),
        # Built for one target each.
        (SOURCE, (NAMES[1], NAMES[3]), NAMES[1:2]),
    ],
)
def test_takers(distribution: Distribution, locked_for: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert takers(distribution, *locked_for) == expected


@pytest.mark.parametrize(
    ("across", "expected"), [("targets", NAMES), ("architectures", NAMES[2:]), ("nothing", NAMES[3:])]
)
def test_what_may_lie_between_functions_that_share(across: str, expected: tuple[str, ...]) -> None:
    assert takers(wheel("py3-none-any"), NAMES[3], across=across) == expected


@pytest.mark.parametrize(
    ("filename", "pure"),
    [
        ("demo-1.0-py3-none-any.whl", True),
        ("demo-1.0-1-py3-none-any.whl", True),
        ("demo-1.0-py2.py3-none-any.whl", True),
        ("demo-1.0-py2-none-any.whl", False),
        ("demo-1.0-py313-none-any.whl", False),
        ("demo-1.0-cp39-abi3-any.whl", False),
        ("demo-1.0-py3-none-manylinux_2_17_x86_64.whl", False),
    ],
)
def test_what_is_for_everything(filename: str, *, pure: bool) -> None:
    assert is_pure(filename) == pure


@pytest.mark.parametrize(
    ("requires_python", "runtimes"),
    [
        (None, "3.11 3.12 3.13"),
        ("", "3.11 3.12 3.13"),
        (">=3", "3.11 3.12 3.13"),
        (">=2.7", "3.11 3.12 3.13"),
        (">=3.12", "3.12 3.13"),
        (">= 3.12.0, <4", "3.12 3.13"),
        ("<4.0,>=3.8", "3.11 3.12 3.13"),
        # Patch releases move without notice: a runtime counts with its first one.
        (">=3.12.4", "3.13"),
        ("!=3.12.*,>=3.9", "3.11 3.13"),
        (">=3.9,<3.13", "3.11 3.12"),
        ("~=3.12", "3.12 3.13"),
    ],
)
def test_which_python_is_admitted(requires_python: str | None, runtimes: str) -> None:
    targets = [
        Target(runtime=f"python{version}", architecture="arm64") for version in ("3.11", "3.12", "3.13")
    ]
    admitted = [one.runtime.removeprefix("python") for one in targets if admits_python(requires_python, one)]
    assert admitted == runtimes.split()
