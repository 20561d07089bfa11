"""uv's lock -> the one file that fits best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layerforge.errors import ResolutionError
from layerforge.model.lock import Archive, LocalSource, VcsSource
from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.engine import Offer
from layerforge.resolve.index import Pin, ResolveRequest, Selected
from layerforge.resolve.uv_output import Selection, read_selection

HEAD = 'lock-version = "1.0"\ncreated-by = "uv"\n'


def wheel(tags: str, digest: str = "aa") -> str:
    url = f"https://u:p@index.example/numpy-2.0-{tags}.whl"
    return f'{{ url = "{url}", size = 7, hashes = {{ sha256 = "{digest}" }} }}'


def package(*wheels: str, sdist: bool = False) -> str:
    listed = f"wheels = [{', '.join(wheels)}]\n" if wheels else ""
    source = 'url = "https://index.example/numpy-2.0.tar.gz", hashes = { sha256 = "ss" }'
    return f'{HEAD}[[packages]]\nname = "numpy"\nversion = "2.0"\n{listed}' + (
        f"sdist = {{ {source} }}\n" if sdist else ""
    )


def chosen(tags: str, digest: str = "aa") -> Selection:
    filename = f"numpy-2.0-{tags}.whl"
    archive = Archive(filename=filename, url=f"https://index.example/{filename}", sha256=digest, size=7)
    return Selection(selected=(Selected(name="numpy", version="2.0", wheel=archive),))


SDIST = Selection(
    selected=(
        Selected(
            name="numpy",
            version="2.0",
            sdist=Archive(
                filename="numpy-2.0.tar.gz", url="https://index.example/numpy-2.0.tar.gz", sha256="ss"
            ),
        ),
    )
)


def read(text: str, *, runtime: str = "python3.11", sdists: tuple[str, ...] = (), **rest: Any) -> Selection:
    request = ResolveRequest(
        root=Path("/project"),
        target=Target(runtime=runtime, architecture="x86_64"),
        requirements=rest.pop("requirements", ()),
        **rest,
    )
    return read_selection(text, request, sdists=frozenset(sdists))


@pytest.mark.parametrize(
    ("wheels", "expected"),
    [
        (["py3-none-any", "cp311-cp311-manylinux_2_17_x86_64"], "cp311-cp311-manylinux_2_17_x86_64"),
        (
            ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_24_x86_64"],
            "cp311-cp311-manylinux_2_24_x86_64",
        ),
        (["cp311-cp311-manylinux_2_28_x86_64", "py3-none-any"], "py3-none-any"),
        (
            ["cp312-cp312-manylinux_2_17_x86_64", "cp38-abi3-manylinux2014_x86_64"],
            "cp38-abi3-manylinux2014_x86_64",
        ),
        (["cp311-cp311-manylinux_2_17_aarch64", "py2.py3-none-any"], "py2.py3-none-any"),
    ],
)
def test_the_wheel_that_fits_best(wheels: list[str], expected: str) -> None:
    assert read(package(*map(wheel, wheels))) == chosen(expected)


def test_nothing_fits() -> None:
    assert read(package(wheel("cp311-cp311-manylinux_2_28_x86_64"), sdist=True)) == Selection(
        selected=(),
        unfit=(
            (
                Pin(name="numpy", version="2.0"),
                Offer(version="2.0", tags=("cp311-cp311-manylinux_2_28_x86_64",), sdist=True),
            ),
        ),
    )


def test_an_sdist_only_where_it_will_do() -> None:
    bad = wheel("cp311-cp311-manylinux_2_28_x86_64")
    assert read(package(bad, sdist=True), sdists=("numpy",)) == SDIST
    good = wheel("py3-none-any")
    assert read(package(good, sdist=True), sdists=("numpy",)) == chosen("py3-none-any")
    options = IndexOptions(no_binary=("numpy",))
    assert read(package(good, sdist=True), sdists=("numpy",), options=options) == SDIST


def test_hashes_that_are_asked_for() -> None:
    text = package(wheel("py3-none-any", "aa"), wheel("py2.py3-none-any", "bb"))
    origin = Origin(path="r.txt", line=1)
    asked = Requirement(name="numpy", hashes=("sha256:bb",), origin=origin)
    assert read(text, requirements=(asked,)) == chosen("py2.py3-none-any", "bb")
    other = Requirement(name="numpy", hashes=("sha256:cc",), origin=origin)
    with pytest.raises(ResolutionError) as caught:
        read(text, requirements=(other,))
    assert caught.value.sentence == "no file of numpy 2.0 has a hash that is asked for"


def test_direct_sources() -> None:
    text = f"""{HEAD}
[[packages]]
name = "own"
directory = {{ path = "/project/libs/own" }}
[[packages]]
name = "arch"
archive = {{ url = "https://u:p@x.example/arch-1.0-py3-none-any.whl", hashes = {{ sha256 = "aa" }} }}
[[packages]]
name = "source"
version = "3"
archive = {{ url = "https://x.example/main.zip", hashes = {{ sha256 = "bb" }} }}
[[packages]]
name = "tool"
version = "1"
[packages.vcs]
type = "git"
url = "https://u:p@git.example/t"
requested-revision = "v1"
commit-id = "c0"
subdirectory = "s"
"""
    assert read(text).selected == (
        Selected(
            name="arch",
            version="1.0",
            wheel=Archive(
                filename="arch-1.0-py3-none-any.whl",
                url="https://x.example/arch-1.0-py3-none-any.whl",
                sha256="aa",
            ),
        ),
        Selected(name="own", version="", local=LocalSource(path="libs/own")),
        Selected(
            name="source",
            version="3",
            sdist=Archive(filename="main.zip", url="https://x.example/main.zip", sha256="bb"),
        ),
        Selected(
            name="tool",
            version="1",
            vcs=VcsSource(
                url="https://git.example/t", commit="c0", requested_revision="v1", subdirectory="s"
            ),
        ),
    )
