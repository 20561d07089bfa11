from __future__ import annotations

import pytest

from layerforge.errors import (
    BuildError,
    ConfigError,
    LayerforgeError,
    LimitError,
    PackageIndexError,
    ResolutionError,
    StaleLockError,
    ToolError,
    UsageError,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (LayerforgeError, 1),
        (UsageError, 2),
        (ConfigError, 2),
        (ResolutionError, 3),
        (StaleLockError, 3),
        (PackageIndexError, 3),
        (BuildError, 4),
        (LimitError, 5),
        (ToolError, 6),
    ],
)
def test_every_kind_has_its_exit_code(kind: type[LayerforgeError], code: int) -> None:
    error = kind("no such thing")
    assert error.exit_code == code
    assert isinstance(error, LayerforgeError)


def test_the_place_leads_the_sentence() -> None:
    error = ConfigError(
        "no such thing", where="layerforge.toml: limits.layers", details=["a", "b"], hint="try"
    )
    assert str(error) == "layerforge.toml: limits.layers: no such thing"
    assert (error.sentence, error.details, error.hint) == ("no such thing", ("a", "b"), "try")


def test_without_a_place_there_is_the_sentence_alone() -> None:
    assert str(BuildError("no such thing")) == "no such thing"
    assert BuildError("no such thing").details == ()
