"""Single files out of the zips of a build, by their paths."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType

from layerforge.check.reading import ZipFile
from layerforge.wheels.directory import BadWheelError, Member, WheelReader, read_directory, read_member

# No source text of a person is longer; what is generated may be, and is not looked into.
_LONGEST = 8_388_608


class ZipTexts:
    """Reads files of zips that are opened once, and only if something is read from them."""

    def __init__(self, zips: Mapping[str, ZipFile]) -> None:
        self._zips = zips
        self._open: dict[str, tuple[WheelReader, dict[str, Member]]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ZipTexts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def read(self, zip_name: str, path: str) -> bytes | None:
        """The contents of a file; None if it is not there, or cannot be read."""
        try:
            reader, members = self._opened(zip_name)
            member = members.get(path)
            return read_member(reader, member, limit=_LONGEST) if member and not member.link else None
        except (BadWheelError, OSError):
            return None

    def _opened(self, zip_name: str) -> tuple[WheelReader, dict[str, Member]]:
        if zip_name not in self._open:
            zip_file = self._zips[zip_name]
            stream = self._stack.enter_context(zip_file.path.open("rb"))
            reader = WheelReader(stream, filename=zip_file.path.name)
            self._open[zip_name] = (
                reader,
                {member.name: member for member in read_directory(reader, links=True).members},
            )
        return self._open[zip_name]
