from __future__ import annotations

from typing import Any

import pytest

from layerforge.check.contents import BuiltFunction
from layerforge.check.native import find_native_problems
from layerforge.check.problems import make_findings
from layerforge.model.finding import Finding, Severity
from layerforge.model.target import Target
from layerforge.native.facts import DamagedFile, ForeignFile, Kind, Needs
from layerforge.native.runtime import RuntimeFacts, runtime_facts
from tests.zip_contents import TARGET, code, elf, function, installed, layer, native

TAGGED = "python/cv2/_cv2.cpython-313-x86_64-linux-gnu.so"
ARM64 = Target(runtime="python3.13", architecture="arm64")
AMAZON_LINUX_2 = Target(runtime="python3.11", architecture="x86_64")
REBUILD = "`layerforge lock`, then `layerforge build`; a zip of yours has to be made for the target itself"
CONTAINER = (
    "build the distribution from its sdist in a container, which takes the library into the wheel "
    "([container] packages, or a recipe), or bring it in lib/ of another layer"
)


def findings(judged: BuiltFunction, facts: RuntimeFacts | None = None) -> tuple[Finding, ...]:
    return make_findings(find_native_problems(judged, facts or runtime_facts(judged.target)))


def told(judged: BuiltFunction) -> list[tuple[str, str, str]]:
    return [(one.severity.value, one.code, one.sentence) for one in findings(judged)]


def of(path: str, found: Any, **rest: Any) -> BuiltFunction:
    return function(layer(natives={path: native(found)}), **rest)


def requires(library: str, *versions: str) -> tuple[Needs, ...]:
    return (Needs(library=library, versions=versions),)


def test_a_whole_finding() -> None:
    path = "python/cv2/cv2.abi3.so"
    natives = {path: native(elf("libGL.so.1", "libc.so.6"))}
    owner = installed("opencv-python", "4.9", path)
    judged = function(layer(natives=natives, installed=[owner]))
    assert findings(judged) == (
        Finding(
            severity=Severity.ERROR,
            code="missing-library",
            subject="shop-a",
            sentence=(
                "python/cv2/cv2.abi3.so of opencv-python 4.9 (layer shop-a) needs libGL.so.1, which neither "
                "python3.13 nor a layer of the function has"
            ),
            details=("mounted by orders",),
            hint=CONTAINER,
        ),
    )


@pytest.mark.parametrize(
    ("path", "found", "target", "expected"),
    [
        (TAGGED, elf("libc.so.6", requires=requires("libc.so.6", "GLIBC_2.34")), TARGET, []),
        (
            TAGGED,
            elf(machine="arm64"),
            TARGET,
            [("error", "wrong-architecture", "is for arm64, and the function is for x86_64")],
        ),
        (
            "python/cv2/lib/libav.so.60",
            elf(machine="i386"),
            TARGET,
            [("warning", "wrong-architecture", "is for i386, and the function is for x86_64")],
        ),
        (
            "python/cv2/_cv2.cpython-312-x86_64-linux-gnu.so",
            elf(),
            TARGET,
            [("error", "python-mismatch", "is for Python 3.12, and python3.13 does not import it")],
        ),
        (
            "python/cv2/_cv2.cpython-313t-x86_64-linux-gnu.so",
            elf(),
            TARGET,
            [
                (
                    "error",
                    "python-mismatch",
                    "is for free-threaded Python 3.13, and python3.13 does not import it",
                )
            ],
        ),
        ("python/cv2/_cv2.abi3.so", elf(), TARGET, []),
        ("python/cv2/_cv2.so", elf(modules=("_cv2",)), TARGET, []),
        # What is no library, and not named like one, is nobody's business.
        ("python/cv2/data/blob", elf(kind=Kind.OTHER), TARGET, []),
        (
            "python/cv2/_cv2.so",
            elf(kind=Kind.OTHER),
            TARGET,
            [
                (
                    "warning",
                    "not-native",
                    "is named like a library, and an object file that was never linked",
                )
            ],
        ),
        (
            TAGGED,
            DamagedFile(reason="it is cut short: it tells of 64 bytes and has 9"),
            TARGET,
            [
                (
                    "error",
                    "damaged-native",
                    "is no file that can be loaded: it is cut short: it tells of 64 bytes and has 9",
                )
            ],
        ),
        (
            "python/cv2/testdata/broken",
            DamagedFile(reason="nothing of it is ever loaded"),
            TARGET,
            [("warning", "damaged-native", "is no file that can be loaded: nothing of it is ever loaded")],
        ),
        (
            TAGGED,
            ForeignFile(what="text"),
            TARGET,
            [("error", "not-native", "is named like a library, and text")],
        ),
        (
            "python/ncurses/libncurses.so",
            ForeignFile(what="a linker script, which is for compilers"),
            TARGET,
            [
                (
                    "warning",
                    "not-native",
                    "is named like a library, and a linker script, which is for compilers",
                )
            ],
        ),
        (
            "python/cv2/_cv2.cpython-313-darwin.so",
            ForeignFile(what="a Mach-O file", system="macOS"),
            TARGET,
            [("error", "wrong-platform", "is for macOS, and Lambda runs Linux")],
        ),
        (
            "python/cv2/_cv2.cp313-win_amd64.pyd",
            ForeignFile(what="a PE file", system="Windows"),
            TARGET,
            [("error", "wrong-platform", "is for Windows, and Lambda runs Linux")],
        ),
        (
            TAGGED,
            elf(executable_stack=True),
            TARGET,
            [
                (
                    "warning",
                    "executable-stack",
                    "needs an executable stack, which makes every overflow of a buffer worse",
                )
            ],
        ),
        (
            TAGGED,
            elf(text_relocations=True),
            TARGET,
            [
                (
                    "warning",
                    "text-relocations",
                    "has text relocations: its code is written to when it is loaded",
                )
            ],
        ),
        (
            "python/cv2/_cv2.abi3.so",
            elf("libm.so.6", requires=requires("libm.so.6", "GLIBC_2.27", "GLIBC_2.29")),
            AMAZON_LINUX_2,
            [("error", "glibc-too-old", "needs GLIBC_2.29 of libm.so.6, and python3.11 has GLIBC_2.26")],
        ),
        (
            TAGGED,
            elf("libstdc++.so.6", requires=requires("libstdc++.so.6", "GLIBCXX_3.4.32")),
            TARGET,
            [
                (
                    "warning",
                    "library-too-old",
                    (
                        "needs GLIBCXX_3.4.32 of libstdc++.so.6, which newer images of python3.13 have, "
                        "and not every function has yet"
                    ),
                )
            ],
        ),
        (
            TAGGED,
            elf("libuuid.so.1"),
            TARGET,
            [
                (
                    "warning",
                    "missing-library",
                    (
                        "needs libuuid.so.1, which AWS's image of python3.13 has, "
                        "and the managed runtime need not have"
                    ),
                )
            ],
        ),
        (
            "python/bin/tool",
            elf("libGL.so.1", kind=Kind.PROGRAM),
            TARGET,
            [
                (
                    "warning",
                    "missing-library",
                    "needs libGL.so.1, which neither python3.13 nor a layer of the function has",
                )
            ],
        ),
        (
            "python/numba/np/ufunc/tbbpool.cpython-313-x86_64-linux-gnu.so",
            elf("libtbb.so.12"),
            TARGET,
            [
                (
                    "note",
                    "missing-library",
                    "needs libtbb.so.12, which neither python3.13 nor a layer of the function has",
                )
            ],
        ),
    ],
)
def test_files_on_their_own(
    path: str, found: Any, target: Target, expected: list[tuple[str, str, str]]
) -> None:
    wanted = [(severity, name, f"{path} of layer shop-a {sentence}") for severity, name, sentence in expected]
    assert told(of(path, found, target=target)) == wanted


def test_musl_has_a_hint_of_its_own() -> None:
    (finding,) = findings(of(TAGGED, elf("libc.musl-x86_64.so.1")))
    assert finding.hint == (
        "it was built for Alpine Linux (musl): take the manylinux wheel, or build it in a container"
    )


def test_libraries_that_functions_were_seen_to_miss_name_who_saw_it() -> None:
    (finding,) = findings(of(TAGGED, elf("libexpat.so.1")))
    assert finding.severity is Severity.ERROR
    assert finding.details == (
        (
            "functions were seen to miss libexpat.so.1: "
            "https://github.com/developmentseed/eoapi-cdk/issues/181"
        ),
        "mounted by orders",
    )


def test_a_library_beside_the_way_may_be_loaded_first() -> None:
    natives = {
        "python/torch/_C.abi3.so": native(elf("libcudart.so.12")),
        "python/nvidia/cuda/lib/libcudart.so.12": native(elf()),
    }
    (finding,) = findings(function(layer(natives=natives)))
    assert (finding.severity, finding.sentence, finding.details) == (
        Severity.WARNING,
        (
            "python/torch/_C.abi3.so of layer shop-a needs libcudart.so.12, which lies where the loader does "
            "not look"
        ),
        ("there is /opt/python/nvidia/cuda/lib/libcudart.so.12", "mounted by orders"),
    )


def test_layers_from_elsewhere_may_have_what_is_missing() -> None:
    (finding,) = findings(of(TAGGED, elf("libGL.so.1"), external_layers=["arn:gl"]))
    assert finding.severity is Severity.WARNING
    assert finding.sentence.endswith(
        "a layer of the function has (layers from elsewhere were not looked into)"
    )


def test_other_layers_and_the_code_bring_libraries() -> None:
    needs = layer("shop-a", natives={TAGGED: native(elf("libGL.so.1", "libown.so.1"))})
    brings = layer("shop-b", natives={"lib/libGL.so.1": native(elf())})
    own = code(natives={"lib/libown.so.1": native(elf())})
    assert told(function(needs, brings, code=own)) == []
    assert [finding[1] for finding in told(function(needs, code=own))] == ["missing-library"]


def test_a_file_of_a_later_layer_takes_the_place_of_an_earlier_one() -> None:
    bad = layer("shop-a", natives={"lib/libx.so.1": native(elf(machine="arm64"))})
    good = layer("shop-b", natives={"lib/libx.so.1": native(elf())})
    assert told(function(bad, good)) == []
    assert [finding[1] for finding in told(function(good, bad))] == ["wrong-architecture"]


def test_a_bad_library_is_told_once_however_many_need_it() -> None:
    natives = {
        "python/a/one.abi3.so": native(elf("liba.so", rpath="$ORIGIN")),
        "python/a/two.abi3.so": native(elf("liba.so", rpath="$ORIGIN")),
        "python/a/liba.so": native(elf("libgone.so.1", soname="liba.so")),
    }
    assert told(function(layer(natives=natives))) == [
        (
            "error",
            "missing-library",
            (
                "python/a/liba.so of layer shop-a needs libgone.so.1, which neither python3.13 nor a layer "
                "of the function has"
            ),
        )
    ]


def test_a_library_that_no_module_needs_is_a_warning() -> None:
    judged = of("python/qt/plugins/libqxcb.so", elf("libX11.so.6"))
    assert [finding[0] for finding in told(judged)] == ["warning"]


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        # The file of another Python and the one that fits, side by side.
        ({TAGGED: native(elf())}, []),
        ({"python/cv2/_cv2.abi3.so": native(elf())}, []),
        # One that fits by its name only does not help.
        ({TAGGED: native(elf(machine="arm64"))}, ["python-mismatch", "wrong-architecture"]),
        ({}, ["python-mismatch"]),
    ],
)
def test_modules_may_ship_for_several_pythons(beside: dict[str, Any], expected: list[str]) -> None:
    natives = {"python/cv2/_cv2.cpython-312-x86_64-linux-gnu.so": native(elf()), **beside}
    assert [finding[1] for finding in told(function(layer(natives=natives)))] == expected


@pytest.mark.parametrize("pure", ["python/cv2/_cv2.py", "python/cv2/_cv2/__init__.py"])
def test_a_module_that_is_there_in_python_too_is_slow_and_no_error(pure: str) -> None:
    natives = {"python/cv2/_cv2.cpython-312-x86_64-linux-gnu.so": native(elf())}
    assert [finding[:2] for finding in told(function(layer(files=[pure], natives=natives)))] == [
        ("warning", "python-mismatch")
    ]


def test_code_that_was_made_on_a_mac() -> None:
    path = "_cffi_backend.cpython-313-darwin.so"
    own = code(natives={path: native(ForeignFile(what="a Mach-O file", system="macOS"))})
    assert findings(function(code=own)) == (
        Finding(
            severity=Severity.ERROR,
            code="wrong-platform",
            subject="orders",
            sentence=f"{path} of the code of orders is for macOS, and Lambda runs Linux",
            hint=REBUILD,
        ),
    )


def test_every_target_has_its_own_machine() -> None:
    judged = of(
        "python/cv2/_cv2.cpython-313-aarch64-linux-gnu.so",
        elf("ld-linux-aarch64.so.1", "libc.so.6", machine="arm64"),
        target=ARM64,
    )
    assert told(judged) == []


def test_links_stand_for_what_they_lead_to() -> None:
    natives = {
        TAGGED: native(elf("liba.so.1", rpath="$ORIGIN/libs")),
        "python/cv2/liba.so.1.2.3": native(elf()),
    }
    links = {"python/cv2/libs/liba.so.1": "../liba.so.1.2.3"}
    assert told(function(layer(natives=natives, links=links))) == []
    assert len(told(function(layer(natives=natives)))) == 1
