"""`layerforge export`: what was built, as the tools take it that deploy it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layerforge.commands.export_template import ChosenTemplate, TemplateOptions, choose_template
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document
from layerforge.errors import EXIT_OK, ConfigError, UsageError

if TYPE_CHECKING:
    from layerforge.export.values import Export
    from layerforge.model.publishing import PublishedLayer

_FORMATS = ("sam", "cloudformation", "terraform", "cdk", "ssm", "json", "env")
_NEED_PUBLISHED = ("ssm", "env")
_PUBLISH = "run `layerforge publish --json > published.json`"


@click.command("export")
@click.argument("format_name", type=click.Choice(_FORMATS), metavar="|".join(_FORMATS))
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it, paths of zips relative to its folder; on stdout if not given.",
)
@click.option(
    "--built",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where `layerforge build` put the zips, if it was told so too.",
)
@click.option(
    "--published",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="What `layerforge publish --json` printed; `-` for stdin. Layer versions are taken from it.",
)
@click.option(
    "--template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="sam: the template that takes the layers, if the project has several.",
)
@click.option("--in-place", is_flag=True, help="sam: change the template itself.")
@click.option("--code", "with_code", is_flag=True, help="sam, with -o: functions take their code zips too.")
@click.option("--region", metavar="REGION", help="With --published: this region alone.")
@common_options
def command(
    options: Options,
    *,
    format_name: str,
    file: Path | None,
    folder: Path | None,
    published: str | None,
    region: str | None,
    template: Path | None,
    in_place: bool,
    with_code: bool,
) -> int:
    """Write the layers for a tool that deploys them.

    Into a SAM template; or a CloudFormation stack, Terraform's JSON, a CDK module, SSM parameters, JSON,
    or shell variables.
    """
    from layerforge.export.values import find_omissions

    given = TemplateOptions(template=template, in_place=in_place, with_code=with_code)
    versions = _read_published(published, region)
    if format_name == "sam":
        chosen = choose_template(options, given, file)
        export = _read(options, format_name, chosen.file, folder, versions, where=published or "")
        return _export_sam(options, chosen, export, with_code=with_code)
    given.refuse()
    export = _read(options, format_name, file, folder, versions, where=published or "")
    text = _format(format_name, export, region)
    findings = find_omissions(export, deploys_code=format_name == "json")
    options.output.findings(findings)
    if file:
        from layerforge.cache import write_atomically

        write_atomically(file, text.encode())
    options.output.result(
        lambda: {
            "format": format_name,
            "path": str(file) if file else None,
            "text": None if file else text,
            "findings": findings_document(findings),
        },
        lambda: f"wrote {file}" if file else text,
    )
    return EXIT_OK


def _export_sam(options: Options, chosen: ChosenTemplate, export: Export, *, with_code: bool) -> int:
    from layerforge.export.sam import find_unreached, format_sam
    from layerforge.export.values import find_omissions

    text = format_sam(export, chosen.template, with_code=with_code)
    findings = (
        *find_unreached(export, chosen.template),
        *find_omissions(export, deploys_code=with_code, keeps_layers=True),
    )
    options.output.findings(findings)
    is_written = chosen.write(text)
    target = chosen.shown
    options.output.result(
        lambda: {
            "format": "sam",
            "path": target,
            "text": None if target else text,
            "findings": findings_document(findings),
        },
        lambda: (
            text if not target else f"wrote {target}" if is_written else f"{target} is up to date already"
        ),
    )
    return EXIT_OK


def _read(
    options: Options,
    format_name: str,
    file: Path | None,
    folder: Path | None,
    published: tuple[PublishedLayer, ...] | None,
    *,
    where: str,
) -> Export:
    from layerforge.export.values import Export, hold_published
    from layerforge.project.config_file import read_config
    from layerforge.verify.built import read_built

    if published is None and format_name in _NEED_PUBLISHED:
        raise UsageError(f"{format_name} needs --published: ARNs are of versions in AWS", hint=_PUBLISH)
    if published is not None and format_name == "cloudformation":
        raise UsageError(
            "cloudformation publishes the layers itself, and takes no --published",
            hint="leave it out, or export `ssm`, which names the versions that are there",
        )
    config, _ = read_config(options.root, config=options.config, keep_unset=True)
    folder = (folder or options.root / config.output).absolute()
    manifest = read_built(folder)
    if published is not None:
        hold_published(manifest, published, where=where)
    beside = file.absolute().parent if file else Path.cwd()
    return Export(
        manifest=manifest,
        zips=Path(os.path.relpath(folder, beside)).as_posix(),
        published=published or (),
        description=config.publish.settings(os.environ).description,
    )


def _read_published(given: str | None, region: str | None) -> tuple[PublishedLayer, ...] | None:
    if given is None:
        if region is not None:
            raise UsageError("--region goes with --published")
        return None
    where = "stdin" if given == "-" else given
    with click.open_file(given, "rb") as stream:
        layers = _parse_published(stream.read(), where)
    if region is None:
        return layers
    chosen = tuple(layer for layer in layers if layer.region == region)
    if layers and not chosen:
        there = ", ".join(sorted({layer.region for layer in layers}))
        raise ConfigError(f"nothing in it is in {region}, only in {there}", where=where)
    return chosen


def _parse_published(data: bytes, where: str) -> tuple[PublishedLayer, ...]:
    from layerforge.model.publishing import parse_published

    try:
        document: Any = json.loads(data)
        return parse_published(document["layers"])
    except json.JSONDecodeError as error:
        raise ConfigError(f"not JSON: {error.msg}", where=f"{where}:{error.lineno}", hint=_PUBLISH) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("not what `layerforge publish` prints", where=where, hint=_PUBLISH) from error


def _format(format_name: str, export: Export, region: str | None) -> str:
    from layerforge.export import cdk, cloudformation, plain, terraform

    if format_name == "env":
        return plain.format_env(export, _one_region(export.regions, region))
    formats = {
        "cloudformation": cloudformation.format_cloudformation,
        "terraform": terraform.format_terraform,
        "cdk": cdk.format_cdk,
        "ssm": cloudformation.format_ssm,
        "json": plain.format_json,
    }
    return formats[format_name](export)


def _one_region(regions: Sequence[str], asked: str | None) -> str:
    """The region that shell variables are for; any will do where no layers are."""
    if len(regions) > 1:
        raise UsageError(
            "env is for one region, and layers are in several",
            hint=f"say which: --region {regions[0]} (or {', '.join(regions[1:])})",
        )
    return regions[0] if regions else asked or ""
