from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.project.used_modules import (
    USED_FILE,
    format_used_modules,
    parse_used_modules,
    read_used_modules,
    write_used_modules,
)

TEXT = """\
# Modules that the functions import, seen by `layerforge verify`. Commit this file: \
bytecode = "used" compiles them.

["python3.11-arm64"]
modules = [
]

["python3.13-x86_64"]
modules = [
    "a\\"b.py",
    "numpy/__init__.py",
]
"""
MODULES = {"python3.13-x86_64": ["numpy/__init__.py", 'a"b.py', "numpy/__init__.py"], "python3.11-arm64": []}


def test_writes_sorted_and_reads_back(tmp_path: Path) -> None:
    assert read_used_modules(tmp_path) is None
    path = write_used_modules(tmp_path, MODULES)
    assert path.read_text() == format_used_modules(MODULES) == TEXT
    assert read_used_modules(tmp_path) == {
        "python3.11-arm64": (),
        "python3.13-x86_64": ('a"b.py', "numpy/__init__.py"),
    }


def test_leaves_a_file_alone_that_holds_the_same(tmp_path: Path) -> None:
    before = write_used_modules(tmp_path, MODULES).stat().st_ino
    assert write_used_modules(tmp_path, MODULES).stat().st_ino == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[numpy]", ": numpy: unexpected key (expected a target such as 'python3.13-x86_64')"),
        ('"python3.13-arm64" = 1', ": python3.13-arm64: unexpected type int (expected a table)"),
        ('["python3.13-arm64"]\nx = 1', ": python3.13-arm64.x: unexpected key (expected 'modules')"),
        (
            '["python3.13-arm64"]',
            ": python3.13-arm64.modules: unexpected type NoneType (expected list)",
        ),
        (
            '["python3.13-arm64"]\nmodules = ["../x.py"]',
            (
                ": python3.13-arm64.modules[0]: unexpected value '../x.py' "
                "(expected a path below /opt/python such as 'numpy/__init__.py')"
            ),
        ),
    ],
)
def test_refuses_what_it_would_not_write(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_used_modules(text)
    assert caught.value.headline == USED_FILE + sentence
