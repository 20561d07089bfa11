"""Settings of several files, in order -> one IndexOptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from layerforge.errors import ConfigError
from layerforge.model.requirement import IndexOptions
from layerforge.model.url import redact
from layerforge.project.requirement_files.contents import Setting

_ALL, _NONE = ":all:", ":none:"


def combine(settings: Iterable[Setting], base: IndexOptions) -> IndexOptions:
    """`base` (the config's word) with what the files say on top.

    Lists grow; the index URL of the files replaces that of the config. Raises ConfigError if two
    files name different ones: which would count must not depend on the order of files.
    """
    combined = _Combined(base)
    for setting in settings:
        combined.add(setting)
    return combined.options()


@dataclass
class _Combined:
    base: IndexOptions
    index: Setting | None = None
    lists: dict[str, list[str]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.lists = {
            "extra-index-url": list(self.base.extra_index_urls),
            "find-links": list(self.base.find_links),
            "trusted-host": list(self.base.trusted_hosts),
            "only-binary": list(self.base.only_binary),
            "no-binary": list(self.base.no_binary),
        }

    def add(self, setting: Setting) -> None:
        if setting.option == "index-url":
            self._set_index(setting)
        elif setting.option == "only-binary":
            self._choose(setting.value, "only-binary", "no-binary")
        elif setting.option == "no-binary":
            self._choose(setting.value, "no-binary", "only-binary")
        elif setting.option in self.lists:
            if setting.value not in self.lists[setting.option]:
                self.lists[setting.option].append(setting.value)
        else:
            self.flags.add(setting.option)

    def _set_index(self, setting: Setting) -> None:
        if self.index and self.index.value.rstrip("/") != setting.value.rstrip("/"):
            raise ConfigError(
                f"--index-url is {redact(setting.value)} here and "
                f"{redact(self.index.value)} in {self.index.origin}",
                where=str(setting.origin),
                hint="keep one of them, and give the other as --extra-index-url",
            )
        self.index = self.index or setting

    def _choose(self, value: str, mine: str, other: str) -> None:
        """A name is on one of the two lists at most, the last word counts; `:all:` empties both."""
        from packaging.utils import canonicalize_name

        for word in filter(None, (word.strip() for word in value.split(","))):
            if word == _ALL:
                self.lists[mine], self.lists[other] = [_ALL], []
            elif word == _NONE:
                self.lists[mine] = []
            else:
                name = canonicalize_name(word)
                self.lists[other] = [kept for kept in self.lists[other] if kept != name]
                if name not in self.lists[mine]:
                    self.lists[mine].append(name)

    def options(self) -> IndexOptions:
        return IndexOptions(
            index_url=self.index.value if self.index else self.base.index_url,
            extra_index_urls=tuple(self.lists["extra-index-url"]),
            find_links=tuple(self.lists["find-links"]),
            trusted_hosts=tuple(self.lists["trusted-host"]),
            only_binary=tuple(sorted(self.lists["only-binary"])),
            no_binary=tuple(sorted(self.lists["no-binary"])),
            no_index=self.base.no_index or "no-index" in self.flags,
            pre=self.base.pre or "pre" in self.flags,
            require_hashes=self.base.require_hashes or "require-hashes" in self.flags,
        )
