from __future__ import annotations

import pytest

from layerforge.model.target import ARCHITECTURES, RUNTIMES, Target
from layerforge.native.optional import is_optional
from layerforge.native.runtime import (
    Presence,
    ProbedRuntime,
    RuntimeFacts,
    Versions,
    runtime_facts,
    stdlib_modules,
    version_number,
)
from layerforge.resolve.compile.libraries import PROVIDED_LIBRARIES

EVERY = [Target(runtime=name, architecture=one) for name in RUNTIMES for one in ARCHITECTURES]


def facts(runtime: str = "python3.13", architecture: str = "x86_64") -> RuntimeFacts:
    return runtime_facts(Target(runtime=runtime, architecture=architecture))


@pytest.mark.parametrize("target", EVERY, ids=lambda target: target.name)
def test_facts_fit_the_table_of_runtimes(target: Target) -> None:
    found = runtime_facts(target)
    major, minor = target.facts.glibc
    assert found.system == target.facts.os
    assert found.version("libc.so.6", f"GLIBC_{major}.{minor}") is Presence.MANAGED
    assert found.version("libm.so.6", f"GLIBC_{major}.{minor + 1}") is Presence.ABSENT
    loader = {"x86_64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
    assert [one for one in loader.values() if one in found.managed] == [loader[target.architecture]]
    assert found.managed.isdisjoint(found.image)
    assert set(found.absent) <= found.image | {"libcurl.so.4", "libxml2.so.2"}
    # Whatever a container build takes for granted is there.
    only_x86_64 = set() if target.architecture == "x86_64" else {"libmvec.so.1"}
    assert set(PROVIDED_LIBRARIES) - only_x86_64 <= found.managed


@pytest.mark.parametrize(
    ("runtime", "library", "presence"),
    [
        ("python3.11", "libz.so.1", Presence.MANAGED),
        ("python3.13", "libuuid.so.1", Presence.IMAGE),
        ("python3.13", "libexpat.so.1", Presence.ABSENT),
        ("python3.11", "libcurl.so.4", Presence.ABSENT),
        ("python3.13", "libcurl.so.4", Presence.IMAGE),
        ("python3.13", "libGL.so.1", Presence.ABSENT),
        ("python3.11", "libcrypt.so.1", Presence.MANAGED),
        ("python3.13", "libcrypt.so.1", Presence.ABSENT),
        ("python3.13", "libpython3.13.so.1.0", Presence.IMAGE),
        ("python3.13", "libpython3.12.so.1.0", Presence.ABSENT),
    ],
)
def test_libraries(runtime: str, library: str, presence: Presence) -> None:
    assert facts(runtime).library(library) is presence


@pytest.mark.parametrize(
    ("runtime", "library", "version", "presence"),
    [
        ("python3.11", "libstdc++.so.6", "GLIBCXX_3.4.24", Presence.MANAGED),
        ("python3.11", "libstdc++.so.6", "GLIBCXX_3.4.25", Presence.ABSENT),
        ("python3.13", "libstdc++.so.6", "GLIBCXX_3.4.29", Presence.MANAGED),
        ("python3.13", "libstdc++.so.6", "GLIBCXX_3.4.30", Presence.IMAGE),
        ("python3.13", "libstdc++.so.6", "CXXABI_1.3.9", Presence.MANAGED),
        ("python3.13", "libstdc++.so.6", "CXXABI_TM_1", Presence.MANAGED),
        ("python3.13", "libstdc++.so.6", "CXXABI_NEW", Presence.ABSENT),
        ("python3.13", "libgcc_s.so.1", "GCC_4.8.0", Presence.MANAGED),
        ("python3.13", "libgcc_s.so.1", "GCC_12.0.0", Presence.IMAGE),
        ("python3.11", "libz.so.1", "ZLIB_1.2.9", Presence.ABSENT),
        ("python3.13", "libz.so.1", "ZLIB_1.2.9", Presence.MANAGED),
        ("python3.13", "libuuid.so.1", "UUID_1.0", Presence.UNKNOWN),
    ],
)
def test_versions(runtime: str, library: str, version: str, presence: Presence) -> None:
    assert facts(runtime).version(library, version) is presence


def test_what_was_probed_goes_before_what_is_known_of_images() -> None:
    probed = ProbedRuntime(
        image="own",
        libraries={
            "libGL.so.1": (),
            "libstdc++.so.6": ("GLIBCXX_3.4.29", "GLIBCXX_3.4.31"),
            "libexpat.so.1": (),
        },
    )
    found = runtime_facts(EVERY[6], probed)
    assert [found.library(name) for name in ("libGL.so.1", "libuuid.so.1", "libc.so.6", "libexpat.so.1")] == [
        Presence.IMAGE,
        Presence.ABSENT,
        Presence.MANAGED,
        # The image having it proves nothing: functions were seen to miss it.
        Presence.ABSENT,
    ]
    assert [found.version("libstdc++.so.6", f"GLIBCXX_3.4.{minor}") for minor in (29, 31, 33)] == [
        Presence.MANAGED,
        Presence.IMAGE,
        Presence.ABSENT,
    ]
    assert found.versions["libstdc++.so.6"].highest("GLIBCXX_3.4.33") == "GLIBCXX_3.4.31"


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("GLIBC_2.34", (2, 34)),
        ("GLIBCXX_3.4.29", (3, 4, 29)),
        ("GLIBC_PRIVATE", ()),
        ("GLIBC_ABI_DT_RELR", ()),
        ("OPENSSL_3.0.0", (3, 0, 0)),
    ],
)
def test_numbers(version: str, number: tuple[int, ...]) -> None:
    assert version_number(version) == number


def test_the_highest_is_told_by_number_not_by_letter() -> None:
    assert Versions(exact=frozenset({"GLIBC_2.9", "GLIBC_2.34"})).highest("GLIBC_2.40") == "GLIBC_2.34"
    assert Versions().highest("GLIBC_2.40") is None


@pytest.mark.parametrize(
    ("python", "there", "not_there"),
    [
        ((3, 10), {"distutils", "binhex", "cgi", "json"}, {"tomllib", "sys", "os"}),
        ((3, 12), {"cgi", "tomllib"}, {"distutils", "asyncore"}),
        ((3, 13), {"queue", "typing"}, {"cgi", "imghdr"}),
        ((3, 14), {"annotationlib", "compression"}, {"profiling"}),
    ],
)
def test_modules_of_the_standard_library(
    python: tuple[int, int], there: set[str], not_there: set[str]
) -> None:
    names = stdlib_modules(python)
    assert there <= names
    assert names.isdisjoint(not_there)


@pytest.mark.parametrize(
    ("path", "optional"),
    [
        ("numba/np/ufunc/tbbpool.cpython-313-x86_64-linux-gnu.so", True),
        ("numba/_helperlib.cpython-313-x86_64-linux-gnu.so", False),
    ],
)
def test_modules_that_are_optional(path: str, *, optional: bool) -> None:
    assert is_optional(path) is optional
