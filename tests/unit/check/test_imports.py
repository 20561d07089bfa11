from __future__ import annotations

import pytest

from layerforge.check.imports import Import, Need, parse_imports


def found(text: str, package: str = "") -> list[tuple[str, Need]]:
    imports = parse_imports(text.encode(), package).imports
    return [(name, one.need) for one in imports for name in one.candidates]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a, b.c as d", [("a", Need.RUN), ("b.c", Need.RUN)]),
        ("from google.cloud import storage", [("google.cloud.storage", Need.RUN)]),
        ("from a import *", [("a", Need.RUN)]),
        ("def f():\n    import a", [("a", Need.RUN)]),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    import b", [("a", Need.TYPING), ("b", Need.RUN)]),
        ("if typing.TYPE_CHECKING:\n    import a", [("a", Need.TYPING)]),
        ("if sys.version_info < (3, 11):\n    import tomli", [("tomli", Need.OPTIONAL)]),
        ("if __name__ == '__main__':\n    import a", [("a", Need.OPTIONAL)]),
        ("if FLAG:\n    import a", [("a", Need.RUN)]),
        (
            "try:\n    import a\nexcept ImportError:\n    import b",
            [("a", Need.OPTIONAL), ("b", Need.OPTIONAL)],
        ),
        ("try:\n    import a\nexcept (KeyError, ModuleNotFoundError):\n    pass", [("a", Need.OPTIONAL)]),
        ("try:\n    import a\nexcept KeyError:\n    pass", [("a", Need.RUN)]),
        ("importlib.import_module('a.b')", [("a.b", Need.RUN)]),
        ("__import__('a')", [("a", Need.RUN)]),
        ("importlib.util.find_spec('a')", [("a", Need.OPTIONAL)]),
    ],
)
def test_when_a_module_is_imported(text: str, expected: list[tuple[str, Need]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from . import x", ["shop.orders.x"]),
        ("from .x import y", ["shop.orders.x.y"]),
        ("from ..money import euro", ["shop.money.euro"]),
        ("from ... import x", []),
    ],
)
def test_relative_imports(text: str, expected: list[str]) -> None:
    assert [name for name, _ in found(text, "shop.orders")] == expected


def test_a_name_that_only_a_run_tells() -> None:
    assert not parse_imports(b"importlib.import_module(name)", "").is_certain
    assert parse_imports(b"importlib.import_module('a')", "").is_certain


def test_words_of_texts_but_of_docstrings() -> None:
    text = b'"""Needs pandas."""\nURL = "postgresql+psycopg2://db"\n'
    assert parse_imports(text, "").words == {"postgresql", "psycopg2", "db"}


@pytest.mark.parametrize("text", [b"def f(:", b"a = '\x00'", b"(" * 5_000])
def test_what_is_no_python(text: bytes) -> None:
    with pytest.raises(SyntaxError):
        parse_imports(text, "")


def test_lines_are_told() -> None:
    assert parse_imports(b"\n\nimport a\n", "").imports == (Import(module="a", line=3),)
