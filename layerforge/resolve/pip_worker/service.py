"""What the worker can be asked: each method takes and gives what JSON can hold."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from layerforge.cache import Cache
from layerforge.model.container import ContainerSettings
from layerforge.model.lock import Archive
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target
from layerforge.resolve.index import ResolveRequest, Selected
from layerforge.resolve.messages import decode, encode
from layerforge.resolve.pip_worker.access import Access, open_access, pip_flags
from layerforge.resolve.pip_worker.build_requirements import keep_secrets_off_command_lines
from layerforge.resolve.pip_worker.channel import Channel
from layerforge.resolve.pip_worker.describe import WheelReader, describe
from layerforge.resolve.pip_worker.reach import examine
from layerforge.resolve.pip_worker.repository import TargetRepository
from layerforge.resolve.pip_worker.resolution import Resolution
from layerforge.resolve.pip_worker.roots import Roots
from layerforge.resolve.pip_worker.sources import Builder
from layerforge.resolve.pip_worker.transfer import download
from layerforge.resolve.pip_worker.workshops import make_compiler, open_workshop


class Service:
    """The methods by name."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.methods: dict[str, Callable[[Any], Any]] = {
            "resolve": self._resolve,
            "describe": self._describe,
            "download": self._download,
            "build_wheel": self._build_wheel,
            "examine": self._examine,
        }

    def _access(self, params: Any, root: Path | None) -> Access:
        return open_access(
            decode(IndexOptions, params["options"]),
            root=root,
            retries=params["retries"],
            timeout=params["timeout"],
        )

    def _resolve(self, params: Any) -> Any:
        request: ResolveRequest = decode(ResolveRequest, params["request"])
        cache = Cache(Path(params["cache"]))
        access = self._access({**params, "options": encode(request.options)}, request.root)
        keep_secrets_off_command_lines(access.environment())
        builder = self._builder(params, access, cache, target=request.target, root=request.root)
        repository = TargetRepository(
            access,
            request.target,
            flags=pip_flags(request.options, root=request.root),
            cache_dir=Path(tempfile.gettempdir()) / "pip-tools",
            reader=WheelReader(access, cache),
            builder=builder,
        )
        label = f"resolving for {request.target.name}"
        with self._channel.task(label, total=None, unit="items") as repository.advance:
            roots = Roots(root=request.root, access=access, builder=builder)
            chosen = Resolution(request=request, access=access, repository=repository, roots=roots).run()
        return encode(chosen)

    def _describe(self, params: Any) -> Any:
        target, root = decode(Target, params["target"]), Path(params["root"])
        cache, access = Cache(Path(params["cache"])), self._access(params, root)
        builder = self._builder(params, access, cache, target=target, root=root)
        selected = decode(tuple[Selected, ...], params["selected"])
        reader = WheelReader(access, cache)
        return encode(describe(selected, reader=reader, builder=builder, progress=self._channel))

    def _download(self, params: Any) -> None:
        wanted = [(decode(Archive, archive), Path(path)) for archive, path in params["wanted"]]
        download(self._access(params, None), wanted, advance=self._channel.advance)

    def _build_wheel(self, params: Any) -> list[str]:
        target, root = decode(Target, params["target"]), Path(params["root"])
        cache, access = Cache(Path(params["cache"])), self._access(params, root)
        builder = self._builder(params, access, cache, target=target, root=root)
        built = builder.build(decode(Selected, params["source"]))
        placed = Path(params["directory"]) / built.filename
        placed.parent.mkdir(parents=True, exist_ok=True)
        temporary = placed.with_name(f".{built.filename}.part")
        shutil.copyfile(built.path, temporary)
        temporary.replace(placed)
        return [str(placed), built.context]

    def _examine(self, params: Any) -> Any:
        return encode(examine(self._access(params, Path(params["root"])), params["project"]))

    def _builder(self, params: Any, access: Access, cache: Cache, *, target: Target, root: Path) -> Builder:
        mode, compiler = params["builder"], None
        if mode != "wheels":
            settings = decode(ContainerSettings, params["container"])
            workshop = open_workshop(settings, self._channel)
            compiler = make_compiler(workshop, target=target, root=root, pip_environment=access.environment)
        return Builder(
            access,
            cache,
            target=target,
            root=root,
            progress=self._channel,
            compiler=compiler,
            everything=mode == "container",
        )
