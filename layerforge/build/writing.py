"""Writes one zip from stored wheels: checks what it copies from, and fetches again what is damaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from layerforge.build.archive import Written, ZipEntry, write_archive
from layerforge.build.assembly import Assembly, assemble
from layerforge.build.bundling import refuse_collisions
from layerforge.build.code import Code, write_code
from layerforge.build.fetch import Fetcher, Wanted
from layerforge.build.inputs import LayerInput
from layerforge.build.output_folder import OutputFolder, ZipFile
from layerforge.build.pack import Pack
from layerforge.build.store import DamagedWheelError, DigestCheck, StoredWheel, WheelStore
from layerforge.errors import BuildError
from layerforge.model.artifact import BuiltDistribution
from layerforge.wheels.layout import BESIDE_CODE, IN_LAYER


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where a zip goes in the output folder; `code`: the function's, to which the distributions are added."""

    kind: str
    name: str
    code: Code | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenZip:
    """A zip in the output folder, and what of it comes from wheels."""

    file: ZipFile
    distributions: tuple[BuiltDistribution, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipWriter:
    """Writes zips of distributions into a folder."""

    folder: OutputFolder
    fetcher: Fetcher

    def write(
        self, one: LayerInput, wheels: Mapping[Wanted, StoredWheel], destination: Destination
    ) -> WrittenZip:
        """Write it. Raises BuildError."""
        try:
            return self._write(one, wheels, destination)
        except DamagedWheelError as error:
            if isinstance(error.stored, Pack):
                # It is gone now, and nothing but a new build makes it again.
                raise BuildError(
                    f"what was compiled for {one.layer.name} was damaged in the cache, and has been removed",
                    hint="build again, which compiles it anew; check the disk that holds the cache",
                ) from error
            # Found while copying: fetched again, once.
            filename = error.stored.filename
            self.fetcher.progress.note(f"{filename} in the cache is damaged: fetching it again")
            return self._write(one, self.fetcher.fetch(one.wanted), destination)

    def _write(
        self, one: LayerInput, wheels: Mapping[Wanted, StoredWheel], destination: Destination
    ) -> WrittenZip:
        stored = [wheels[wanted] for wanted in one.wanted]
        with DigestCheck([*stored, *one.all_packs]) as check:
            try:
                assembly = _assemble(one, stored, destination.code)
                write = _checked(assembly.entries, check, destination)
                file = self.folder.write_zip(destination.kind, destination.name, write)
            except BuildError:
                _raise_damaged(check, self.fetcher.store)
                raise
        distributions = tuple(
            BuiltDistribution(
                name=wanted.distribution.name,
                version=wheel.version,
                unzipped_size=size,
                built_in=self.fetcher.built_in(wanted),
            )
            for wanted, wheel, size in zip(one.wanted, stored, assembly.sizes, strict=True)
        )
        return WrittenZip(file=file, distributions=distributions)


def _assemble(one: LayerInput, stored: Sequence[StoredWheel], code: Code | None) -> Assembly:
    packs = {
        wheel.sha256: held
        for wheel, wanted in zip(stored, one.wanted, strict=True)
        if (held := one.packs.get(wanted.distribution.name))
    }
    layer = one.layer
    place = IN_LAYER if code is None else BESIDE_CODE
    assembly = assemble(
        stored, python=layer.python, layer=layer.name, packs=packs, place=place, dedupe=one.dedupe
    )
    if code is not None:
        refuse_collisions(code, assembly.entries, stored)
    return assembly


def _checked(
    entries: Sequence[ZipEntry], check: DigestCheck, destination: Destination
) -> Callable[[IO[bytes]], Written]:
    """Write the zip, and let it count only if every wheel that it was copied from is intact."""

    def write(stream: IO[bytes]) -> Written:
        if destination.code is None:
            written = write_archive(entries, stream, subject=destination.name)
        else:
            written = write_code(destination.code, stream, beside=entries)
        if damaged := check.damaged():
            raise DamagedWheelError(damaged[0])
        return written

    return write


def _raise_damaged(check: DigestCheck, store: WheelStore) -> None:
    damaged = check.damaged()
    for wheel in damaged:
        store.discard(wheel.sha256)
    if damaged:
        raise DamagedWheelError(damaged[0])
