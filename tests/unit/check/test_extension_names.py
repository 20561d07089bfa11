from __future__ import annotations

import pytest

from layerforge.check.extension_names import ExtensionName, is_imported_by, parse_extension_name
from layerforge.model.target import Target

X86_64 = Target(runtime="python3.13", architecture="x86_64")
ARM64 = Target(runtime="python3.12", architecture="arm64")


@pytest.mark.parametrize(
    ("path", "name", "tagged", "made_for"),
    [
        ("a/b.so", ExtensionName("a", "b", None, "so"), False, "any Python"),
        ("b.abi3.so", ExtensionName("", "b", "abi3", "so"), True, "abi3"),
        (
            "a/b.cpython-312-x86_64-linux-gnu.so",
            ExtensionName("a", "b", "cpython-312-x86_64-linux-gnu", "so"),
            True,
            "Python 3.12",
        ),
        (
            "b.cpython-313t-darwin.so",
            ExtensionName("", "b", "cpython-313t-darwin", "so"),
            True,
            "free-threaded Python 3.13",
        ),
        ("b.cp310-win_amd64.pyd", ExtensionName("", "b", "cp310-win_amd64", "pyd"), True, "Python 3.10"),
        ("b.pyd", ExtensionName("", "b", None, "pyd"), True, "any Python"),
        (
            "b.pypy310-pp73-x86_64-linux-gnu.so",
            ExtensionName("", "b", "pypy310-pp73-x86_64-linux-gnu", "so"),
            True,
            "pypy310-pp73-x86_64-linux-gnu",
        ),
        ("libfoo-1.2.so", ExtensionName("", "libfoo-1", "2", "so"), False, "2"),
    ],
)
def test_names(path: str, name: ExtensionName, *, tagged: bool, made_for: str) -> None:
    found = parse_extension_name(path)
    assert found == name
    assert (found.is_tagged, found.made_for) == (tagged, made_for)


@pytest.mark.parametrize("path", ["b.so.1", "b.py", "so", ".so", "a.so/b", "b.SO"])
def test_what_is_no_name_of_a_module(path: str) -> None:
    assert parse_extension_name(path) is None


@pytest.mark.parametrize(
    ("path", "target", "imported"),
    [
        ("b.so", X86_64, True),
        ("b.abi3.so", X86_64, True),
        ("b.cpython-313-x86_64-linux-gnu.so", X86_64, True),
        ("b.cpython-313-aarch64-linux-gnu.so", X86_64, False),
        ("b.cpython-312-aarch64-linux-gnu.so", ARM64, True),
        ("b.cpython-312-x86_64-linux-gnu.so", X86_64, False),
        ("b.cpython-313t-x86_64-linux-gnu.so", X86_64, False),
        ("b.pyd", X86_64, False),
    ],
)
def test_what_python_looks_for(path: str, target: Target, *, imported: bool) -> None:
    name = parse_extension_name(path)
    assert name is not None
    assert is_imported_by(name, target) is imported
