"""Files of other tools that are not read, and what converts them."""

from __future__ import annotations

from pathlib import Path

from layerforge.errors import ConfigError

_PIPENV = ("Pipenv", "pipenv requirements > requirements.txt")
_POETRY = ("Poetry", "poetry export -f requirements.txt -o requirements.txt")
_COMMANDS = {
    "Pipfile.lock": _PIPENV,
    "Pipfile": _PIPENV,
    "poetry.lock": _POETRY,
    "uv.lock": ("uv", "uv export --format requirements.txt -o requirements.txt"),
    "pdm.lock": ("PDM", "pdm export -o requirements.txt"),
}
_CONDA = ("environment.yml", "environment.yaml")
# What is a reason to stop at a folder that holds nothing that can be read.
TELLING = ("Pipfile.lock", "Pipfile", "poetry.lock")


def refuse_foreign(path: Path, shown: str) -> None:
    """Raise ConfigError if the file belongs to a tool whose format is not read."""
    name = path.name
    if name in _COMMANDS:
        tool, command = _COMMANDS[name]
        folder = shown.rpartition("/")[0]
        place = f" in {folder}" if folder else ""
        raise ConfigError(
            f"this is a file of {tool}, whose format is not read", where=shown, hint=f"run `{command}`{place}"
        )
    if name in {"setup.py", "setup.cfg"}:
        raise ConfigError(
            "requirements are not read from this file",
            where=shown,
            hint="write a requirements file that holds `-e .`, or list them in pyproject.toml",
        )
    if name in _CONDA:
        raise ConfigError(
            "conda's environments are not read: their packages do not run on Lambda",
            where=shown,
            hint="write the names of the distributions into a requirements.in",
        )
