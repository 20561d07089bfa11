from __future__ import annotations

import pytest

from layerforge.project.recipe_files import read_system_packages
from layerforge.resolve.compile.explaining import explain, pick_lines

PSYCOPG2 = """\
  running build_ext

  Error: pg_config executable not found.

  pg_config is required to build psycopg2 from source.  Please add the directory
  containing pg_config to the $PATH or specify the full executable path with the
  option:
  [end of output]
error: metadata-generation-failed
pip ended with exit code 1""".splitlines()
MYSQL = """\
Trying pkg-config --exists mysqlclient
# Options for building extension module:
subprocess.CalledProcessError: Command 'pkg-config --exists libmariadb' returned non-zero exit status 1.
Exception: Can not find valid pkg-config name.
Specify MYSQLCLIENT_CFLAGS and MYSQLCLIENT_LDFLAGS env vars manually""".splitlines()


def advice(missing: str, package: str) -> str:
    return (
        f"the {missing} is missing, which {package} is likely to have: in the config, "
        f'[container.packages] demo = ["{package}"]'
    )


@pytest.mark.parametrize(
    ("lines", "manager", "hint"),
    [
        (
            ["demo.c:2:10: fatal error: libpq-fe.h: No such file or directory"],
            "dnf",
            advice("header libpq-fe.h", "libpq-devel"),
        ),
        (
            ["demo.c:2:10: fatal error: libpq-fe.h: No such file or directory"],
            "yum",
            advice("header libpq-fe.h", "postgresql-devel"),
        ),
        (
            ["demo.c:2:10: fatal error: 'openssl/ssl.h' file not found"],
            "apt-get",
            advice("header openssl/ssl.h", "libssl-dev"),
        ),
        (
            ["demo.c:2:10: fatal error: libpq-fe.h: No such file or directory"],
            None,
            (
                "the header libpq-fe.h is missing; it is in libpq-devel (dnf), postgresql-devel (yum), "
                "libpq-dev (apt): put it into the build image"
            ),
        ),
        (
            ["demo.c:2:10: fatal error: rare/thing.h: No such file or directory"],
            "microdnf",
            (
                "the header rare/thing.h is missing: find the package that has it "
                "(dnf provides '*/rare/thing.h'), and name it in the config: "
                '[container.packages] demo = ["..."]'
            ),
        ),
        (
            ["/usr/bin/ld: cannot find -lxslt: No such file", "collect2: error: ld returned 1 exit status"],
            "dnf",
            advice("library xslt", "libxslt-devel"),
        ),
        (
            PSYCOPG2,
            "dnf",
            advice("program pg_config", "libpq-devel"),
        ),
        (
            MYSQL,
            "apt-get",
            advice("pkg-config module libmariadb", "libmariadb-dev"),
        ),
        (
            ["error: command 'g++' failed: No such file or directory"],
            "dnf",
            advice("program g++", "gcc-c++"),
        ),
        (
            ["error: can't find Rust compiler", "Rust is not installed, and this package needs it"],
            "dnf",
            advice("compiler of Rust", "cargo"),
        ),
        (
            [
                "head: error writing 'standard output': No space left on device",
                "subprocess.CalledProcessError: x",
            ],
            "dnf",
            (
                "no space is left where the container engine keeps its files: make room (`docker system df` "
                "shows what takes it), or give its virtual machine a larger disk"
            ),
        ),
        (["demo.c:3:5: error: expected ';' before 'return'"], "dnf", None),
    ],
)
def test_what_is_missing(lines: list[str], manager: str | None, hint: str | None) -> None:
    assert explain(lines, manager, "demo", packages=read_system_packages())[1] == hint


def test_what_nobody_knows_the_name_of_is_for_all() -> None:
    lines = ["fatal error: libpq-fe.h: No such file or directory"]
    hint = explain(lines, "dnf", "", packages=read_system_packages())[1]
    assert hint is not None
    assert hint.endswith('[container.packages] "*" = ["libpq-devel"]')


def test_errors_are_picked_out_of_what_surrounds_them() -> None:
    lines = [f"compiling {number}" for number in range(300)]
    lines[100] = "demo.c:2:10: fatal error: libpq-fe.h: No such file or directory"
    lines += ["error: subprocess-exited-with-error", "pip ended with exit code 1"]
    assert pick_lines(lines) == (
        "compiling 99",
        "demo.c:2:10: fatal error: libpq-fe.h: No such file or directory",
        "compiling 101",
        "compiling 102",
        "...",
        "pip ended with exit code 1",
    )


def test_many_errors_are_shown_from_the_first() -> None:
    lines = [f"demo.c:{number}:1: error: wrong" for number in range(100)]
    shown = pick_lines(lines)
    assert (len(shown) <= 21, shown[0], shown[-1]) == (True, lines[0], lines[-1])


def test_without_errors_the_end_is_shown() -> None:
    lines = [f"line {number}" for number in range(100)]
    assert pick_lines(lines) == tuple(lines[-20:])
