from __future__ import annotations

import json
from pathlib import Path

import pytest

from layerforge.errors import BuildError, LayerforgeError, PackageIndexError, StaleLockError
from layerforge.model.lock import Archive, LocalSource, VcsSource
from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, NoFittingFileError, Offer
from layerforge.resolve.index import Described, Pin, ResolveRequest, Selected
from layerforge.resolve.messages import decode, decode_error, encode, encode_error

TARGET = Target(runtime="python3.12", architecture="arm64")


@pytest.mark.parametrize(
    "value",
    [
        ResolveRequest(
            root=Path("/project"),
            target=TARGET,
            requirements=(
                Requirement(
                    name="numpy",
                    extras=("a", "b"),
                    specifier=">=2",
                    marker='python_version < "3.13"',
                    hashes=("sha256:00",),
                    origin=Origin(path="r.in", line=3),
                ),
                Requirement(name=None, path="libs/shared", editable=True, origin=Origin(path="r.in")),
            ),
            constraints=(Requirement(name="six", origin=Origin(path="c.in", line=1)),),
            options=IndexOptions(index_url="https://index.example/simple/", only_binary=(":all:",), pre=True),
            preferences=(Pin(name="six", version="1.17.0"),),
        ),
        Selected(
            name="a", version="1", wheel=Archive(filename="a.whl", url="https://x/a.whl", sha256="0" * 64)
        ),
        Selected(name="a", version="1", vcs=VcsSource(url="https://x/a.git", commit="f" * 40)),
        Described(
            selected=Selected(name="a", version="1", local=LocalSource(path="libs/a")),
            unzipped_size=12,
            metadata="Name: a\n",
        ),
    ],
)
def test_values_survive_the_journey(value: object) -> None:
    assert decode(type(value), json.loads(json.dumps(encode(value)))) == value


@pytest.mark.parametrize(
    "error",
    [
        PackageIndexError("index.example refuses", where="r.in:1", details=["one"], hint="log in"),
        BuildError("no"),
        ContradictionError(sides=[("a<1", None), ("a>2", "b 1.0")], target=TARGET),
        NoFittingFileError(
            requirement="a",
            target=TARGET,
            offers=[Offer(version="1", tags=("cp312-cp312-win32",), requires_python=">=3.13")],
            required_by="b 1.0",
            wheels_only=True,
        ),
    ],
)
def test_errors_survive_the_journey(error: LayerforgeError) -> None:
    arrived = decode_error(json.loads(json.dumps(encode_error(error))))
    assert type(arrived) is type(error)
    assert (arrived.headline, arrived.details, arrived.hint) == (error.headline, error.details, error.hint)


def test_an_error_that_has_no_name_of_its_own_here_arrives_as_what_it_is_one_of() -> None:
    arrived = decode_error(encode_error(StaleLockError("stale")))
    assert (arrived.headline, arrived.exit_code) == ("stale", 3)
