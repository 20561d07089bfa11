"""`layerforge cache`: what the cache holds, and making it smaller."""

from __future__ import annotations

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.model.sizes import format_size


@click.command("cache")
@click.option("--prune", is_flag=True, help="Remove what was not used for longest.")
@click.option(
    "--max-size",
    type=click.IntRange(min=0),
    metavar="MB",
    help="With --prune: how much may stay, 0 if not given.",
)
@common_options
def command(options: Options, *, prune: bool, max_size: int | None) -> None:
    """Show where the cache lies and how large it is; with --prune, make it smaller."""
    if max_size is not None and not prune:
        raise click.UsageError("--max-size goes with --prune.")
    cache = Cache()
    freed = cache.prune((max_size or 0) * 2**20) if prune else 0
    files, size = cache.usage()
    options.output.result(
        lambda: {"path": str(cache.root), "files": files, "size": size, "freed": freed},
        lambda: "\n".join(
            [
                *([f"freed {format_size(freed)}"] if prune else []),
                f"{cache.root}: {files} files, {format_size(size)}",
            ]
        ),
    )
