"""What uv is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.index import Pin, ResolveRequest
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

ROOT = Path("/project")
BELOW = "x86_64-manylinux_2_17"
AL2 = Target(runtime="python3.11", architecture="x86_64")
FIXED = (
    "pip compile - --quiet --no-header --no-progress --no-sources --format pylock.toml "
    "--output-file /t/pylock.toml --constraints /t/c.txt --python-version 3.11 "
    "--python-platform x86_64-manylinux_2_17"
)


def asked(name: str | None, **rest: Any) -> Requirement:
    return Requirement(name=name, origin=Origin(path="r.txt", line=1), **rest)


def request(*requirements: Requirement, **rest: Any) -> ResolveRequest:
    return ResolveRequest(root=ROOT, target=AL2, requirements=requirements, **rest)


@pytest.mark.parametrize(
    ("runtime", "architecture", "expected"),
    [
        ("python3.11", "x86_64", ("x86_64-manylinux_2_28", "x86_64-manylinux_2_17")),
        ("python3.11", "arm64", ("aarch64-manylinux_2_28", "aarch64-manylinux_2_17")),
        ("python3.13", "x86_64", ("x86_64-manylinux_2_34",)),
        ("python3.13", "arm64", ("aarch64-manylinux_2_34",)),
    ],
)
def test_platforms(runtime: str, architecture: str, expected: tuple[str, ...]) -> None:
    assert platforms_of(Target(runtime=runtime, architecture=architecture)) == expected


@pytest.mark.parametrize(
    ("options", "attempt", "expected"),
    [
        (IndexOptions(), Attempt(platform=BELOW), "--only-binary :all:"),
        (
            IndexOptions(),
            Attempt(platform=BELOW, sdists=frozenset({"b", "a"})),
            "--only-binary :all: --no-binary a --no-binary b",
        ),
        (IndexOptions(no_binary=("a",)), Attempt(platform=BELOW), "--only-binary :all: --no-binary a"),
        (
            IndexOptions(no_binary=(":all:",), only_binary=("a",)),
            Attempt(platform=BELOW),
            "--no-binary :all: --only-binary a",
        ),
        (
            IndexOptions(pre=True, no_index=True),
            Attempt(platform=BELOW),
            "--only-binary :all: --prerelease allow --no-index",
        ),
        (
            IndexOptions(index_url="https://u:secret@index.example/simple"),
            Attempt(platform=BELOW),
            "--only-binary :all:",
        ),
    ],
)
def test_arguments(options: IndexOptions, attempt: Attempt, expected: str) -> None:
    arguments = compile_arguments(
        request(options=options), attempt, constraints=Path("/t/c.txt"), output=Path("/t/pylock.toml")
    )
    assert " ".join(arguments) == f"{FIXED} {expected}"


@pytest.mark.parametrize(
    ("requirement", "line"),
    [
        (asked("six"), "six\n"),
        (asked("foo", extras=("a", "b"), specifier=">=1,<2"), "foo[a,b]>=1,<2\n"),
        (asked("foo", marker='python_version < "3.12"'), "foo\n"),
        (asked("foo", marker='sys_platform == "win32"'), ""),
        (asked("foo", marker='platform_machine == "x86_64"'), "foo\n"),
        (
            asked("foo", url="https://u:p@x.example/a.zip", subdirectory="py", hashes=("sha256:ab",)),
            "foo @ https://u:p@x.example/a.zip#subdirectory=py&sha256=ab\n",
        ),
        (asked(None, url="git+https://x.example/r@v1", extras=("x",)), "git+https://x.example/r@v1[x]\n"),
        (asked("lib", path="../libs/a b", editable=True), "lib @ file:///libs/a%20b\n"),
        (asked(None, path="libs/a"), "file:///project/libs/a\n"),
    ],
)
def test_lines(requirement: Requirement, line: str) -> None:
    assert requirement_lines([requirement, requirement], request()) == line


def test_constraints_and_preferences() -> None:
    held = request(constraints=(asked("numpy", specifier="<3"), asked("x", marker='os_name == "nt"')))
    attempt = Attempt(platform=BELOW, unfit=(Pin(name="numpy", version="2.4.6"),))
    assert constraint_lines(held, attempt) == "numpy<3\nnumpy!=2.4.6\n"
    assert preference_document([Pin(name="six", version="1.16.0")]) == (
        'lock-version = "1.0"\ncreated-by = "layerforge"\n\n[[packages]]\nname = "six"\nversion = "1.16.0"\n'
    )


DEFAULTS = {"UV_KEYRING_PROVIDER": "subprocess"}
ALL = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
PIP = {
    "index-url": "https://pip.example",
    "extra-index-url": "https://a.example https://b.example",
    "cert": "/c.pem",
}


@pytest.mark.parametrize(
    ("options", "base", "pip", "expected"),
    [
        (IndexOptions(), {}, {}, {}),
        (IndexOptions(), {}, {"extra-index-url": "file:///x"}, {**ALL, "UV_EXTRA_INDEX_URL": "file:///x"}),
        (
            IndexOptions(),
            {},
            PIP,
            {
                "UV_INDEX_URL": "https://pip.example",
                "UV_EXTRA_INDEX_URL": "https://a.example https://b.example",
                "SSL_CERT_FILE": "/c.pem",
            },
        ),
        (
            IndexOptions(
                index_url="https://own.example",
                extra_index_urls=("https://x.example",),
                find_links=("wheels", "https://l.example/"),
                trusted_hosts=("own.example",),
            ),
            {"UV_DEFAULT_INDEX": "https://env.example"},
            PIP,
            {
                "UV_INDEX_URL": "https://own.example",
                "UV_EXTRA_INDEX_URL": "https://x.example",
                "UV_FIND_LINKS": "/project/wheels,https://l.example/",
                "UV_INSECURE_HOST": "own.example",
                "SSL_CERT_FILE": "/c.pem",
            },
        ),
        (
            IndexOptions(),
            {"UV_DEFAULT_INDEX": "https://env.example", "UV_INDEX_STRATEGY": "first-index"},
            PIP,
            {
                "UV_DEFAULT_INDEX": "https://env.example",
                "UV_INDEX_STRATEGY": "first-index",
                "SSL_CERT_FILE": "/c.pem",
            },
        ),
        (
            IndexOptions(),
            {},
            {"no-index": "true", "find-links": "/w"},
            {"UV_NO_INDEX": "1", "UV_FIND_LINKS": "/w"},
        ),
    ],
)
def test_environment(
    options: IndexOptions, base: dict[str, str], pip: dict[str, str], expected: dict[str, str]
) -> None:
    assert uv_environment(options, root=ROOT, base=base, pip_settings=pip) == {**DEFAULTS, **expected}


def test_settings_of_pip() -> None:
    listing = (
        ":env:.index-url='https://env.example'\n"
        "global.index-url='https://global.example'\n"
        "global.timeout='60'\ninstall.timeout='90'\nfreeze.timeout='1'\nnonsense\nglobal.bad=not quoted\n"
    )
    assert parse_pip_settings(listing) == {"index-url": "https://env.example", "timeout": "90"}
