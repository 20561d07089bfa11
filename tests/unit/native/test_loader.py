from __future__ import annotations

from typing import Any

import pytest

from layerforge.native.facts import ElfFile, Kind, Needs
from layerforge.native.loader import Loader, Missing, MissingVersion, MountedFiles, Problem
from layerforge.native.runtime import Presence, RuntimeFacts, Versions

FACTS = RuntimeFacts(
    system="Amazon Linux 2023",
    managed=frozenset({"libc.so.6", "libstdc++.so.6"}),
    image=frozenset({"libuuid.so.1", "libexpat.so.1"}),
    absent={"libexpat.so.1": "https://example.com/seen"},
    versions={
        "libc.so.6": Versions(managed=("GLIBC_2.34",), also=("GLIBC_PRIVATE",)),
        "libstdc++.so.6": Versions(managed=("GLIBCXX_3.4.29",), image=("GLIBCXX_3.4.33",)),
    },
)
EXTENSION = "/opt/python/shop/_native.so"


def elf(*needed: str, **rest: Any) -> ElfFile:
    return ElfFile(kind=Kind.SHARED, machine=rest.pop("machine", "x86_64"), needed=needed, **rest)


def requires(library: str, *versions: str) -> tuple[Needs, ...]:
    return (Needs(library=library, versions=versions),)


def load(
    files: dict[str, ElfFile], path: str = EXTENSION, links: dict[str, str] | None = None
) -> tuple[Problem, ...]:
    mounted = MountedFiles(files=files, links=links or {})
    return Loader(mounted, FACTS, "x86_64").load(path)[0]


def missing(
    library: str, by: str = EXTENSION, elsewhere: str | None = None, presence: Presence = Presence.ABSENT
) -> Missing:
    return Missing(by=by, library=library, presence=presence, elsewhere=elsewhere)


LIBRARY = elf(soname="libx.so.1")


@pytest.mark.parametrize(
    ("extension", "place"),
    [
        (elf("libx.so.1", rpath="$ORIGIN/../shop.libs"), "/opt/python/shop.libs/libx.so.1"),
        (elf("libx.so.1", rpath="${ORIGIN}/../shop.libs"), "/opt/python/shop.libs/libx.so.1"),
        (elf("libx.so.1", runpath="/tmp/build:$ORIGIN/lib"), "/opt/python/shop/lib/libx.so.1"),
        (elf("libx.so.1", runpath="/opt/$LIB"), "/opt/lib64/libx.so.1"),
        (elf("libx.so.1", runpath="/opt/$PLATFORM"), "/opt/x86_64/libx.so.1"),
        (elf("libx.so.1", runpath="vendored"), "/var/task/vendored/libx.so.1"),
        (elf("libx.so.1"), "/opt/lib/libx.so.1"),
        (elf("libx.so.1"), "/var/task/libx.so.1"),
        (elf("libx.so.1"), "/var/task/lib/libx.so.1"),
        (elf("../native/libx.so.1"), "/var/native/libx.so.1"),
    ],
)
def test_where_libraries_are_looked_for(extension: ElfFile, place: str) -> None:
    assert load({EXTENSION: extension, place: LIBRARY}) == ()
    assert load({EXTENSION: extension}) == (missing(extension.needed[0]),)


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        # RUNPATH takes the place of RPATH.
        (
            {
                EXTENSION: elf("libx.so.1", rpath="$ORIGIN", runpath="/elsewhere"),
                "/opt/python/shop/libx.so.1": LIBRARY,
            },
            (missing("libx.so.1", elsewhere="/opt/python/shop/libx.so.1"),),
        ),
        # The extension's RPATH serves what its libraries need, its RUNPATH does not.
        (
            {
                EXTENSION: elf("libx.so.1", rpath="$ORIGIN/lib"),
                "/opt/python/shop/lib/libx.so.1": elf("liby.so.1"),
                "/opt/python/shop/lib/liby.so.1": elf(),
            },
            (),
        ),
        (
            {
                EXTENSION: elf("libx.so.1", runpath="$ORIGIN/lib"),
                "/opt/python/shop/lib/libx.so.1": elf("liby.so.1"),
                "/opt/python/shop/lib/liby.so.1": elf(),
            },
            (
                missing(
                    "liby.so.1",
                    by="/opt/python/shop/lib/libx.so.1",
                    elsewhere="/opt/python/shop/lib/liby.so.1",
                ),
            ),
        ),
        # What is loaded already is known by its soname, wherever it lies.
        (
            {
                EXTENSION: elf("libx.so.1", "liby.so.1", runpath="$ORIGIN"),
                "/opt/python/shop/libx.so.1": elf("libz-2a.so", runpath="$ORIGIN/deep"),
                "/opt/python/shop/deep/libz-2a.so": elf(soname="libz-2a.so"),
                "/opt/python/shop/liby.so.1": elf("libz-2a.so"),
            },
            (),
        ),
        # A file for another machine is passed over.
        (
            {
                EXTENSION: elf("libx.so.1", rpath="$ORIGIN:$ORIGIN/lib"),
                "/opt/python/shop/libx.so.1": elf(machine="arm64"),
                "/opt/python/shop/lib/libx.so.1": elf(),
            },
            (),
        ),
        # Libraries that need each other.
        (
            {
                EXTENSION: elf("libx.so.1", rpath="$ORIGIN"),
                "/opt/python/shop/libx.so.1": elf("liby.so.1", soname="libx.so.1"),
                "/opt/python/shop/liby.so.1": elf("libx.so.1"),
            },
            (),
        ),
        ({EXTENSION: elf("libuuid.so.1")}, (missing("libuuid.so.1", presence=Presence.IMAGE),)),
        ({EXTENSION: elf("libexpat.so.1")}, (missing("libexpat.so.1"),)),
        ({EXTENSION: elf("libc.so.6", "libstdc++.so.6")}, ()),
    ],
)
def test_loading(files: dict[str, ElfFile], problems: tuple[Problem, ...]) -> None:
    assert load(files) == problems


def version(
    name: str,
    library: str,
    presence: Presence = Presence.ABSENT,
    *,
    at: str | None = None,
    highest: str | None = None,
) -> MissingVersion:
    return MissingVersion(
        by=EXTENSION, library=library, version=name, presence=presence, at=at, highest=highest
    )


BUNDLED = "/opt/python/shop/lib/libstdc++.so.6"
OWN = elf(soname="libstdc++.so.6", defines=("GLIBCXX_3.4.30", "GLIBCXX_3.4.40"))


@pytest.mark.parametrize(
    ("extension", "others", "problems"),
    [
        (elf("libc.so.6", requires=requires("libc.so.6", "GLIBC_2.2.5", "GLIBC_2.34")), {}, ()),
        (elf("libc.so.6", requires=requires("libc.so.6", "GLIBC_PRIVATE")), {}, ()),
        # Of versions that are missing, the highest says it all.
        (
            elf("libc.so.6", requires=requires("libc.so.6", "GLIBC_2.35", "GLIBC_2.4", "GLIBC_2.38")),
            {},
            (version("GLIBC_2.38", "libc.so.6", highest="GLIBC_2.34"),),
        ),
        (
            elf("libc.so.6", requires=requires("libc.so.6", "GLIBC_ABI_DT_RELR")),
            {},
            (version("GLIBC_ABI_DT_RELR", "libc.so.6", highest="GLIBC_2.34"),),
        ),
        (
            elf("libstdc++.so.6", requires=requires("libstdc++.so.6", "GLIBCXX_3.4.30")),
            {},
            (version("GLIBCXX_3.4.30", "libstdc++.so.6", Presence.IMAGE, highest="GLIBCXX_3.4.33"),),
        ),
        (
            elf("libstdc++.so.6", requires=requires("libstdc++.so.6", "GLIBCXX_3.4.34")),
            {},
            (version("GLIBCXX_3.4.34", "libstdc++.so.6", highest="GLIBCXX_3.4.33"),),
        ),
        # Nothing is known of these versions.
        (elf("libstdc++.so.6", requires=requires("libstdc++.so.6", "CXXABI_9.9")), {}, ()),
        # LD_LIBRARY_PATH names the system's folders, and goes before RUNPATH: the bundled one is not taken.
        (
            elf(
                "libstdc++.so.6", runpath="$ORIGIN/lib", requires=requires("libstdc++.so.6", "GLIBCXX_3.4.40")
            ),
            {BUNDLED: OWN},
            (version("GLIBCXX_3.4.40", "libstdc++.so.6", highest="GLIBCXX_3.4.33"),),
        ),
        # RPATH goes before LD_LIBRARY_PATH: the bundled one is.
        (
            elf("libstdc++.so.6", rpath="$ORIGIN/lib", requires=requires("libstdc++.so.6", "GLIBCXX_3.4.40")),
            {BUNDLED: OWN},
            (),
        ),
        (
            elf("libstdc++.so.6", rpath="$ORIGIN/lib", requires=requires("libstdc++.so.6", "GLIBCXX_3.4.20")),
            {BUNDLED: OWN},
            (version("GLIBCXX_3.4.20", "libstdc++.so.6", at=BUNDLED),),
        ),
        # A library without versions is taken as it is.
        (
            elf("libx.so.1", rpath="$ORIGIN", requires=requires("libx.so.1", "X_1")),
            {"/opt/python/shop/libx.so.1": LIBRARY},
            (),
        ),
        # What is not there at all is told once.
        (elf("libx.so.1", requires=requires("libx.so.1", "X_1")), {}, (missing("libx.so.1"),)),
    ],
)
def test_symbol_versions(
    extension: ElfFile, others: dict[str, ElfFile], problems: tuple[Problem, ...]
) -> None:
    assert load({EXTENSION: extension, **others}) == problems


def test_links_are_followed_and_origin_is_where_the_link_lies() -> None:
    files = {
        EXTENSION: elf("liba.so.1", rpath="$ORIGIN/../b.libs"),
        "/opt/python/a.libs/liba.so.1": elf("libhelp.so.1", rpath="$ORIGIN"),
        "/opt/python/b.libs/libhelp.so.1": elf(),
    }
    links = {"/opt/python/b.libs/liba.so.1": "/opt/python/a.libs/liba.so.1"}
    assert load(files, links=links) == ()
    assert load(files) == (missing("liba.so.1", elsewhere="/opt/python/a.libs/liba.so.1"),)


def test_links_that_go_round_lead_nowhere() -> None:
    links = {"/opt/lib/libx.so.1": "/opt/lib/liby.so.1", "/opt/lib/liby.so.1": "/opt/lib/libx.so.1"}
    assert load({EXTENSION: elf("libx.so.1")}, links=links) == (missing("libx.so.1"),)


def test_a_chain_of_a_thousand_libraries() -> None:
    files = {f"/opt/lib/lib{number}.so": elf(f"lib{number + 1}.so") for number in range(1000)}
    files[EXTENSION] = elf("lib0.so")
    assert load(files) == (missing("lib1000.so", by="/opt/lib/lib999.so"),)


def test_what_was_loaded_is_told() -> None:
    mounted = MountedFiles(files={EXTENSION: elf("libx.so.1"), "/opt/lib/libx.so.1": LIBRARY}, links={})
    _, paths = Loader(mounted, FACTS, "x86_64").load(EXTENSION)
    assert paths == {EXTENSION, "/opt/lib/libx.so.1"}
