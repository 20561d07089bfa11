from __future__ import annotations

from layerforge.check.identical import (
    Copies,
    find_copies,
    find_identical_between,
    find_identical_in,
    wasted_bytes,
)
from layerforge.check.problems import make_findings
from layerforge.model.finding import Finding, Severity
from layerforge.native.facts import ForeignFile
from tests.zip_contents import code, elf, function, layer, native

MB = 2**20
LIBRARY = native(elf(), sha256="aa", size=2 * MB)
OTHER = native(elf(), sha256="bb", size=MB)


def test_copies_are_told_by_their_digest() -> None:
    first = layer("a", natives={"python/x.so": LIBRARY, "python/x.so.1": LIBRARY, "python/y.so": OTHER})
    second = layer("b", natives={"python/x.so": LIBRARY, "python/z.so": OTHER})
    assert find_copies((first, second)) == (
        Copies(size=2 * MB, places=(("a", "python/x.so"), ("a", "python/x.so.1"), ("b", "python/x.so"))),
        Copies(size=MB, places=(("a", "python/y.so"), ("b", "python/z.so"))),
    )
    assert (wasted_bytes((first, second)), wasted_bytes((first,)), wasted_bytes((second,))) == (
        5 * MB,
        2 * MB,
        0,
    )


def test_what_is_no_elf_file_does_not_count() -> None:
    text = native(ForeignFile(what="text"))
    assert find_copies((layer(natives={"python/a.so": text, "python/b.so": text}),)) == ()


def test_copies_in_a_layer() -> None:
    contents = layer(
        natives={
            **{f"python/pyarrow/libarrow.so{end}": LIBRARY for end in ("", ".26", ".26.1")},
            **{f"python/pyarrow/libparquet.so{end}": OTHER for end in ("", ".26")},
        }
    )
    assert make_findings(find_identical_in(contents)) == (
        Finding(
            severity=Severity.NOTE,
            code="identical-native",
            subject="shop-a",
            sentence="2 files of layer shop-a are there more than once, which costs 5.0 MB",
            details=(
                (
                    "python/pyarrow/libarrow.so = python/pyarrow/libarrow.so.26 = "
                    "python/pyarrow/libarrow.so.26.1  2.0 MB each"
                ),
                "python/pyarrow/libparquet.so = python/pyarrow/libparquet.so.26  1.0 MB each",
            ),
            hint="dedupe-native = true in the config leaves one, and links to it",
        ),
    )


def test_copies_in_several_zips_of_a_function() -> None:
    first, second = layer("a", natives={"python/x.so": LIBRARY}), layer("b", natives={"python/y.so": LIBRARY})
    (finding,) = make_findings(find_identical_between(function(first, second)))
    assert finding == Finding(
        severity=Severity.NOTE,
        code="identical-native",
        subject="a",
        sentence="python/x.so of layer a is in other zips too, which costs who mounts them 2.0 MB",
        details=("a:python/x.so = b:python/y.so  2.0 MB each", "mounted by orders"),
    )
    # Told of the code is what the code itself holds again.
    assert list(find_identical_between(function(first, second, code=code()))) == []
    own = code(natives={"x.so": LIBRARY})
    assert len(list(find_identical_between(function(first, code=own)))) == 1


def test_little_is_not_told() -> None:
    small = native(elf(), sha256="cc", size=1000)
    assert list(find_identical_in(layer(natives={"python/a.so": small, "python/b.so": small}))) == []
    judged = function(layer("a", natives={"python/a.so": small}), layer("b", natives={"python/a.so": small}))
    assert list(find_identical_between(judged)) == []
