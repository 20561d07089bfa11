from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import UsageError
from layerforge.verify.environment import read_environment, read_event


def test_variables(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# ours\nTABLE=one\n\nURL=a=b\nOTHER=file\n")
    given = ["OTHER=line", "MINE", "EMPTY="]
    assert read_environment(given, file, own={"MINE": "own"}) == {
        "TABLE": "one",
        "URL": "a=b",
        "OTHER": "line",
        "MINE": "own",
        "EMPTY": "",
    }


def test_values_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("A=1\nnot a name=hunter2\n")
    with pytest.raises(UsageError) as caught:
        read_environment([], file, own={})
    assert caught.value.headline == f"{file}:2: this is no NAME=VALUE (its text is not shown)"


def test_variable_without_value() -> None:
    with pytest.raises(UsageError) as caught:
        read_environment(["TOKEN"], None, own={})
    assert caught.value.headline == "--env: TOKEN has no value here"
    assert caught.value.hint == "give TOKEN=VALUE, or set it in this shell"


def test_event(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"a": 1}')
    assert read_event(file) == '{"a": 1}'
    file.write_text("{")
    with pytest.raises(UsageError, match="the event is not JSON"):
        read_event(file)
