"""Every error that layerforge reports on purpose, each with the exit code of its kind.

The caller passes facts, the class writes the sentence; `hint` says what to do next. Anything that
is not a `LayerforgeError` is a bug and keeps its traceback (exit code 1).
"""

from __future__ import annotations

from collections.abc import Sequence

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_RESOLUTION = 3
EXIT_BUILD = 4
EXIT_LIMIT = 5
EXIT_TOOL = 6
EXIT_AWS = 7
EXIT_VERIFICATION = 8
EXIT_INTERRUPTED = 130


class LayerforgeError(Exception):
    """An expected failure: one sentence, optional detail lines, and what to do next.

    `where` is `path`, `path:line` or `path: key.path`; it leads the sentence when given.
    """

    exit_code = EXIT_BUG

    def __init__(
        self,
        sentence: str,
        *,
        where: str | None = None,
        details: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        self.sentence = sentence
        self.where = where
        self.details = tuple(details)
        self.hint = hint
        super().__init__(self.headline)

    @property
    def headline(self) -> str:
        """The sentence with its place in front."""
        return f"{self.where}: {self.sentence}" if self.where else self.sentence


class UsageError(LayerforgeError):
    """Wrong use of the command line."""

    exit_code = EXIT_USAGE


class ConfigError(LayerforgeError):
    """A file of the user (config, template, requirements) says something that cannot be honoured."""

    exit_code = EXIT_USAGE


class ResolutionError(LayerforgeError):
    """Requirements cannot be resolved for their target."""

    exit_code = EXIT_RESOLUTION


class StaleLockError(ResolutionError):
    """The lock does not match the requirements and may not be changed (`--locked`)."""


class PackageIndexError(ResolutionError):
    """A package index cannot be reached, refuses us, or sends something broken."""


class BuildError(LayerforgeError):
    """Layers cannot be built (bad wheel, failed source build, disk full)."""

    exit_code = EXIT_BUILD


class LimitError(LayerforgeError):
    """A Lambda limit or a budget of the user is exceeded."""

    exit_code = EXIT_LIMIT


class ToolError(LayerforgeError):
    """A program that we need is missing or failed."""

    exit_code = EXIT_TOOL


class AwsError(LayerforgeError):
    """AWS refuses, cannot be reached, or answers with something unexpected."""

    exit_code = EXIT_AWS
