from __future__ import annotations

from pathlib import Path

import pytest
from packaging.pylock import Pylock

from layerforge.errors import ResolutionError
from layerforge.model.lock import (
    Archive,
    Distribution,
    Edge,
    FunctionRoots,
    LocalSource,
    Lock,
    Root,
    VcsSource,
)
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.resolve.lockfile import format_edge, format_lock, parse_lock, read_locks, write_locks

TARGET = Target(runtime="python3.13", architecture="arm64")
SHA = "ab" * 32


def wheel(filename: str, *, url: str | None = None, size: int | None = 10) -> Archive:
    return Archive(filename=filename, url=url or f"https://index.example/{filename}", sha256=SHA, size=size)


HTTPX = Distribution(
    name="httpx",
    version="0.28.1",
    wheel=wheel("httpx-0.28.1-py3-none-any.whl"),
    unzipped_size=300,
    edges=(
        Edge(name="idna", specifier="!=3.5,>=2.8"),
        Edge(name="zipped", specifier="~=2.0", marker='python_version < "3.14"'),
        Edge(name="h2", extra="http2"),
        Edge(name="pinned", extra="http2", specifier="<5", marker='os_name == "posix" or extra == "x"'),
        Edge(name="shared", extras=("x", "y")),
    ),
    provided_extras=("http2",),
    requires_python=">=3.8",
    license="BSD-3-Clause",
)
LOCK = Lock(
    cohort="py313-arm64",
    target=TARGET,
    distributions=(
        Distribution(
            name="h2", version="4.2.0", wheel=wheel("h2-4.2.0-py3-none-any.whl", size=None), unzipped_size=5
        ),
        HTTPX,
        Distribution(
            name="idna",
            version="3.10",
            sdist=Archive(
                filename="idna-3.10.tar.gz", url="https://index.example/idna-3.10.tar.gz", sha256=SHA
            ),
            unzipped_size=6,
            edges=(Edge(name="httpx"),),
        ),
        Distribution(
            name="pinned",
            version="1.0",
            vcs=VcsSource(
                url="https://git.example/pinned",
                commit="c" * 40,
                requested_revision="main",
                subdirectory="python",
            ),
            unzipped_size=7,
        ),
        Distribution(name="shared", version="0.1", local=LocalSource(path="libs/shared"), unzipped_size=8),
        Distribution(
            name="zipped",
            version="2.0",
            sdist=Archive(filename="main.zip", url="https://git.example/zipped/main.zip", sha256=SHA, size=3),
            unzipped_size=9,
        ),
    ),
    functions=(
        FunctionRoots(function="bare", roots=()),
        FunctionRoots(
            function="orders",
            roots=(
                Root(
                    name="httpx",
                    extras=("http2",),
                    specifier=">=0.28,<1",
                    origin=Origin(path="functions/orders/requirements.in", line=3),
                ),
                Root(name="shared", origin=Origin(path="a b/pyproject.toml")),
            ),
        ),
    ),
    input_digest="d" * 64,
)

MARKER = (
    'implementation_name == \\"cpython\\" and python_version == \\"3.13\\" '
    'and sys_platform == \\"linux\\" and platform_machine == \\"aarch64\\"'
)
TEXT = f"""\
lock-version = "1.0"
environments = [
    "{MARKER}",
]
requires-python = "==3.13.*"
created-by = "layerforge"

[[packages]]
name = "demo"
version = "1.0"
requires-python = ">=3.9"
dependencies = [
    {{ name = "idna" }},
]

[[packages.wheels]]
name = "demo-1.0-py3-none-any.whl"
url = "https://index.example/demo-1.0-py3-none-any.whl"
size = 10

[packages.wheels.hashes]
sha256 = "{SHA}"

[packages.tool.layerforge]
unzipped-size = 12

[tool.layerforge]
format = 1
cohort = "py313-arm64"
target = "python3.13-arm64"
input-digest = "{"d" * 64}"

[tool.layerforge.functions]
orders = [
    "demo[x]>=1 (functions/orders/requirements.in:3)",
]
"""
SMALL = Lock(
    cohort="py313-arm64",
    target=TARGET,
    distributions=(
        Distribution(
            name="demo",
            version="1.0",
            wheel=wheel("demo-1.0-py3-none-any.whl"),
            unzipped_size=12,
            edges=(Edge(name="idna"),),
            requires_python=">=3.9",
        ),
    ),
    functions=(
        FunctionRoots(
            function="orders",
            roots=(
                Root(
                    name="demo",
                    extras=("x",),
                    specifier=">=1",
                    origin=Origin(path="functions/orders/requirements.in", line=3),
                ),
            ),
        ),
    ),
    input_digest="d" * 64,
)


def test_a_lock_as_it_is_written() -> None:
    assert format_lock(SMALL) == TEXT


@pytest.mark.parametrize("lock", [SMALL, LOCK])
def test_what_is_written_is_read_back(lock: Lock) -> None:
    assert parse_lock(format_lock(lock), path="pylock.x.toml") == lock


@pytest.mark.parametrize("lock", [SMALL, LOCK])
def test_what_is_written_is_valid_under_pep_751(lock: Lock) -> None:
    import tomllib

    read = Pylock.from_dict(tomllib.loads(format_lock(lock)))
    assert [package.name for package in read.packages] == [one.name for one in lock.distributions]


def test_edges_as_they_are_written() -> None:
    assert [format_edge(edge) for edge in HTTPX.edges] == [
        "idna!=3.5,>=2.8",
        'zipped~=2.0; python_version < "3.14"',
        "h2; extra == 'http2'",
        """pinned<5; extra == 'http2' and (os_name == "posix" or extra == "x")""",
        "shared[x,y]",
    ]


def test_credentials_are_not_written() -> None:
    secret = Distribution(
        name="demo",
        version="1.0",
        wheel=wheel(
            "demo-1.0-py3-none-any.whl", url="https://user:hush@index.example/demo-1.0-py3-none-any.whl"
        ),
        unzipped_size=1,
    )
    git = Distribution(
        name="own",
        version="1.0",
        vcs=VcsSource(url="https://token:hush@git.example/own", commit="c" * 40),
        unzipped_size=1,
    )
    lock = Lock(cohort="c", target=TARGET, distributions=(secret, git), functions=(), input_digest="")
    text = format_lock(lock)
    assert "hush" not in text
    assert 'url = "https://index.example/demo-1.0-py3-none-any.whl"' in text


def test_files_of_the_repository_are_written_relative_to_it(tmp_path: Path) -> None:
    url = (tmp_path / "my wheels" / "demo-1.0-py3-none-any.whl").as_uri()
    held = Distribution(
        name="demo", version="1.0", wheel=wheel("demo-1.0-py3-none-any.whl", url=url), unzipped_size=1
    )
    lock = Lock(cohort="c", target=TARGET, distributions=(held,), functions=(), input_digest="")
    write_locks(tmp_path, [lock])
    text = (tmp_path / "pylock.c.toml").read_text()
    assert 'path = "my wheels/demo-1.0-py3-none-any.whl"' in text
    assert str(tmp_path) not in text
    assert read_locks(tmp_path) == (lock,)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size = 10", 'size = "ten"', "packages[0].wheels[0].size: expected an integer, found a string"),
        ('version = "1.0"\nreq', "req", "packages[0].tool.layerforge.version: the value is missing"),
        ('name = "demo"\n', "", "packages[0].name: the value is missing"),
        (
            f'sha256 = "{SHA}"',
            'sha256 = "short"',
            "packages[0].wheels[0].hashes.sha256: 'short' is not a sha256 digest",
        ),
        (
            "unzipped-size = 12",
            "unzipped-size = true",
            "packages[0].tool.layerforge.unzipped-size: expected an integer, found a boolean",
        ),
        (
            '"demo[x]>=1 (functions/orders/requirements.in:3)"',
            '"demo"',
            "tool.layerforge.functions.orders[0]: 'demo' is not a requirement with its place in brackets",
        ),
        (
            "python3.13-arm64",
            "python2.7-arm64",
            "tool.layerforge.target: 'python2.7-arm64' is not a target that this layerforge knows",
        ),
        (
            "format = 1",
            "format = 2",
            "tool.layerforge.format: the lock has format 2, this layerforge reads 1",
        ),
        ('{ name = "idna" }', "3", "packages[0].dependencies[0]: expected a table, found an integer"),
    ],
)
def test_a_damaged_lock_is_told_by_its_key(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ResolutionError) as caught:
        parse_lock(TEXT.replace(old, new), path="pylock.x.toml")
    assert caught.value.headline == f"pylock.x.toml: {message}"
    assert caught.value.hint is not None


def test_an_unfinished_merge_is_told_by_its_line() -> None:
    text = TEXT.replace("[[packages]]", "<<<<<<< HEAD\n[[packages]]", 1)
    with pytest.raises(ResolutionError) as caught:
        parse_lock(text, path="pylock.x.toml")
    assert caught.value.headline == (
        "pylock.x.toml:8: the lock holds the conflict markers of an unfinished merge"
    )


def test_what_is_no_toml_is_told() -> None:
    with pytest.raises(ResolutionError, match=r"pylock.x.toml: the lock is not TOML: .*line 1"):
        parse_lock("[tool.layerforge\n", path="pylock.x.toml")


def cohort(name: str, function: str = "f") -> Lock:
    return Lock(
        cohort=name,
        target=TARGET,
        distributions=(),
        functions=(FunctionRoots(function=function, roots=()),),
        input_digest="",
    )


def test_locks_of_cohorts_that_are_no_more_are_removed_and_foreign_ones_stay(tmp_path: Path) -> None:
    foreign = tmp_path / "pylock.foreign.toml"
    foreign.write_text('lock-version = "1.0"\n')
    write_locks(tmp_path, [cohort("a"), cohort("b", "g")])
    assert write_locks(tmp_path, [cohort("a")]) == (tmp_path / "pylock.a.toml",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pylock.a.toml", "pylock.foreign.toml"]
    assert read_locks(tmp_path) == (cohort("a"),)


def test_a_foreign_lock_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "pylock.a.toml").write_text('lock-version = "1.0"\n')
    with pytest.raises(ResolutionError, match=r"pylock.a.toml is in the way"):
        write_locks(tmp_path, [cohort("a")])
    assert (tmp_path / "pylock.a.toml").read_text() == 'lock-version = "1.0"\n'


def test_a_lock_that_is_the_same_is_left_alone(tmp_path: Path) -> None:
    (path,) = write_locks(tmp_path, [cohort("a")])
    before = path.stat()
    write_locks(tmp_path, [cohort("a")])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_lock_that_cannot_be_written_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    # The name itself is short enough, that of its temporary file is not.
    with pytest.raises(ResolutionError, match="cannot write the lock"):
        write_locks(tmp_path, [cohort("a"), cohort("x" * 240, "g")])
    assert list(tmp_path.iterdir()) == []


def test_two_locks_for_one_function_are_an_error(tmp_path: Path) -> None:
    write_locks(tmp_path, [cohort("a"), cohort("b")])
    with pytest.raises(ResolutionError, match=r"both pylock.a.toml and pylock.b.toml say that they serve f"):
        read_locks(tmp_path)


def test_no_lock_at_all(tmp_path: Path) -> None:
    assert read_locks(tmp_path) == ()
