from __future__ import annotations

import json
from pathlib import Path

import pytest

from layerforge.cache import Cache
from layerforge.check.import_memory import ImportMemory
from layerforge.check.import_tracing import OwnModule
from layerforge.check.imports import ModuleImports, parse_imports

TEXT = b"import json\ntry:\n    from . import fast\nexcept ImportError:\n    x = 'slow words'\n"


class Reading:
    """Counts how often a text is asked for."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.text


def ask(
    cache: Cache, reading: Reading, *, path: str = "shop/app.py", package: str = "shop", digest: str = "1"
) -> ModuleImports:
    with ImportMemory(cache, {"code": digest}) as memory:
        return memory.parse(OwnModule(zip="code", path=path), package, reading)


def test_what_was_parsed_is_not_read_again(tmp_path: Path) -> None:
    cache, reading = Cache(tmp_path), Reading(TEXT)
    first, again = ask(cache, reading), ask(cache, reading)
    assert first == again == parse_imports(TEXT, "shop")
    assert [one.need for one in first.imports] == [one.need for one in again.imports]
    assert reading.times == 1


@pytest.mark.parametrize("other", [{"path": "shop/b.py"}, {"package": ""}, {"digest": "2"}])
def test_another_module_package_or_zip_is_read(tmp_path: Path, other: dict[str, str]) -> None:
    cache, reading = Cache(tmp_path), Reading(TEXT)
    ask(cache, reading)
    ask(cache, reading, **other)
    assert reading.times == 2


def test_what_is_no_python_is_remembered_too(tmp_path: Path) -> None:
    cache, reading = Cache(tmp_path), Reading(b"\ndef (:\n")
    said = []
    for _ in range(2):
        with pytest.raises(SyntaxError) as caught:
            ask(cache, reading)
        said.append((caught.value.msg, caught.value.lineno))
    assert (said[0], said[0][1], reading.times) == (said[1], 2, 1)


@pytest.mark.parametrize(
    "damaged", [[], {"shop/app.py": 1}, {"shop/app.py": {"package": "shop", "imports": [1]}}]
)
def test_a_damaged_memory_is_none(tmp_path: Path, damaged: object) -> None:
    cache, reading = Cache(tmp_path), Reading(TEXT)
    ask(cache, reading)
    (file,) = (tmp_path / "facts" / "imports").rglob("*.json")
    file.write_text(json.dumps(damaged))
    assert ask(cache, reading) == parse_imports(TEXT, "shop")
    assert (ask(cache, reading), reading.times) == (parse_imports(TEXT, "shop"), 2)
