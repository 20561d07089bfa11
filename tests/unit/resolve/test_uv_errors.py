"""What uv says -> the errors of every engine. The texts are uv 0.13's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import PackageIndexError, ResolutionError
from layerforge.model.requirement import Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, NoFittingFileError
from layerforge.resolve.index import ResolveRequest
from layerforge.resolve.uv_errors import explain, names_that_need_sdists

REQUEST = ResolveRequest(
    root=Path("/project"),
    target=Target(runtime="python3.11", architecture="x86_64"),
    requirements=(Requirement(name="numpy", specifier="<1", origin=Origin(path="r.txt", line=1)),),
)
HEAD = "error: No solution found when resolving dependencies\n  cause: "
TAIL = ", we can conclude that your requirements are unsatisfiable.\n"
PYSPARK = (
    f"{HEAD}Because pyspark==3.5.1 has no usable wheels and you require pyspark==3.5.1{TAIL}\n"
    "hint: Wheels are required for `pyspark` because building from source is disabled for all packages"
    " (i.e., with `--no-build`)\n"
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (PYSPARK, {"pyspark"}),
        (
            (
                "error: Failed to build `b @ file:///b`\n  cause: Building source distributions for `B_x` "
                "is disabled"
            ),
            {"b-x"},
        ),
        (f"{HEAD}Because you require numpy<1 and numpy>2{TAIL}", set()),
    ],
)
def test_names_that_need_sdists(said: str, expected: set[str]) -> None:
    assert names_that_need_sdists(said) == expected


@pytest.mark.parametrize(
    ("said", "sides"),
    [
        (f"{HEAD}Because you require numpy<1 and numpy>2{TAIL}", (("numpy<1", None), ("numpy>2", None))),
        (
            (
                f"{HEAD}Because pandas==2.2.3 depends on numpy{{python_full_version < "
                f"'3.12'}}>=1.23.2 and you require "
                "pandas==2.2.3, we can conclude that you require numpy>=1.23.2.\n"
                f"         And because you require numpy<1.22{TAIL}"
            ),
            (("numpy>=1.23.2", "pandas 2.2.3"), ("pandas==2.2.3", None), ("numpy<1.22", None)),
        ),
        (f"{HEAD}Because numpy and whatever else{TAIL}", (("numpy<1", None),)),
    ],
)
def test_contradictions(said: str, sides: tuple[tuple[str, str | None], ...]) -> None:
    error = explain(said, REQUEST)
    assert isinstance(error, ContradictionError)
    assert error.sides == sides
    assert "error: No solution found when resolving dependencies" in error.details


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        (
            f"{HEAD}Because nosuch was not found in the package registry and you require nosuch{TAIL}",
            ResolutionError,
            "there is no project named nosuch",
        ),
        (
            f"{HEAD}Because there is no version of numpy==99 and you require numpy==99{TAIL}",
            ResolutionError,
            "no version of numpy satisfies numpy==99",
        ),
        (
            f"{HEAD}Because only numpy<=2.5.5 is available and you require numpy>3{TAIL}",
            ResolutionError,
            "no version of numpy satisfies numpy>3",
        ),
        (
            (
                f"{HEAD}Because the requested Python version (>=3.11) does not satisfy "
                f"Python>=3.12 and demo==2.0 "
                f"depends on Python>=3.12{TAIL}"
            ),
            ResolutionError,
            (
                "demo 2.0 wants Python >=3.12, and the functions run on python3.11 on Amazon "
                "Linux 2 (x86_64), "
                "which loads cp311 wheels up to manylinux_2_26_x86_64"
            ),
        ),
        (
            (
                f"{HEAD}Because six was not found in the package registry and you require six{TAIL}\n"
                "hint: An index URL (http://u:secret@127.0.0.1:1/simple) could not be queried "
                "due to a lack of valid "
                "authentication credentials (401 Unauthorized)."
            ),
            PackageIndexError,
            (
                "the index http://****@127.0.0.1:1/simple refuses us: "
                "a lack of valid authentication credentials (401 Unauthorized)"
            ),
        ),
        (
            (
                "error: Failed to fetch: http://127.0.0.1:1/simple/six/\n  cause: Connection "
                "refused (os error 111)"
            ),
            PackageIndexError,
            "a package index failed while uv was resolving",
        ),
        (
            "error: Failed to build `b @ file:///b`\n  cause: no such backend",
            ResolutionError,
            "uv could not resolve the requirements",
        ),
    ],
)
def test_others(said: str, kind: type[ResolutionError], sentence: str) -> None:
    error = explain(said, REQUEST)
    assert type(error) is kind
    assert error.sentence == sentence
    assert "secret" not in "".join(error.details)


def test_wheels_alone_are_wanted() -> None:
    error = explain(PYSPARK, REQUEST, wheels_only=["pyspark"])
    assert isinstance(error, NoFittingFileError)
    assert (error.requirement, error.wheels_only) == ("pyspark==3.5.1", True)
