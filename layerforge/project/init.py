"""A project to the text of a layerforge.toml that, read again, gives the same project."""

from __future__ import annotations

import json
from collections.abc import Iterable

from layerforge.model.container import BYTECODE_MODES
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.limits import Limits
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import ARCHITECTURES, Target
from layerforge.model.url import strip_credentials
from layerforge.project.config import BUILDERS, RESOLVERS
from layerforge.project.runtime_provided import SDK_FAMILY

_HEAD = """\
# Read by layerforge; paths are relative to this file.
"""


def format_config(project: Project) -> str:
    """Return the text. Credentials in URLs are left out: they belong into the environment or pip.conf.

    A function of a template is written down only if a config spoke already (what was said there of
    functions is kept): else the template says it all. Extras and groups of requirement files are
    not part of a Project and have to be added by hand.
    """
    parts = [_HEAD, *_settings_lines(project), *_index_lines(project.settings.options)]
    parts += _limits_lines(project.settings.limits)
    if set(SDK_FAMILY) <= set(project.settings.runtime_provided):
        parts += ["", "[runtime-provided]", 'exclude = ["boto3"]  # the whole family, or nothing']
    common = _common_target(project)
    for function in project.functions:
        if not _is_from_template(function, project) or project.config_file is not None:
            parts += _function_lines(function, common)
    return "\n".join(parts) + "\n"


def _settings_lines(project: Project) -> list[str]:
    settings = project.settings
    lines = [_line("name", settings.name, "layer names begin with it"), _template_line(project.templates)]
    lines += _default_lines(_common_target(project))
    defaults = ProjectSettings(name="")
    lines.append(_choice("resolver", settings.resolver, RESOLVERS))
    lines.append(_choice("builder", settings.builder, BUILDERS))
    lines.append(_choice("bytecode", settings.bytecode, BYTECODE_MODES))
    if settings.output != defaults.output:
        lines.append(_line("output", settings.output, "where layers are built"))
    return lines


def _template_line(templates: tuple[str, ...]) -> str:
    if not templates:
        return _line("template", [], "no template: the functions are named below")
    value: str | list[str] = templates[0] if len(templates) == 1 else list(templates)
    return _line("template", value, "its functions, and those of applications nested in it")


def _common_target(project: Project) -> Target | None:
    """Return the one target of all functions of which no template speaks, if there is one."""
    targets = {f.target for f in project.functions if not _is_from_template(f, project)}
    return targets.pop() if len(targets) == 1 and project.config_file is None else None


def _default_lines(common: Target | None) -> list[str]:
    if common is None:
        return []
    other = next(name for name in ARCHITECTURES if name != common.architecture)
    return [
        _line("runtime", common.runtime, "of functions that say nothing else"),
        _line("architecture", common.architecture, f'or "{other}"'),
    ]


def _is_from_template(function: Function, project: Project) -> bool:
    # A function found as a folder stands nowhere but there.
    return function.origin.path not in {project.config_file, function.source}


def _function_lines(function: Function, common: Target | None) -> list[str]:
    lines = ["", f"[functions.{function.name}]"]
    if function.source is not None:
        lines.append(_line("source", function.source))
    if function.handler is not None:
        lines.append(_line("handler", function.handler))
    lines.append(_line("requirements", list(function.manifests)))
    if function.target != common:
        lines.append(_line("runtime", function.target.runtime))
        lines.append(_line("architecture", function.target.architecture))
    if function.external_layers:
        lines.append(_line("layers", [layer.arn for layer in function.external_layers]))
    sizes = {layer.arn: layer.unzipped_size for layer in function.external_layers if layer.unzipped_size}
    if sizes:
        pairs = ", ".join(f"{_text(arn)} = {size}" for arn, size in sizes.items())
        lines.append(f"layer-sizes = {{ {pairs} }}")
    return lines


def _index_lines(options: IndexOptions) -> list[str]:
    lines: list[str] = []
    if options.index_url:
        lines.append(_line("url", strip_credentials(options.index_url)))
    lists = {
        "extra-urls": map(strip_credentials, options.extra_index_urls),
        "find-links": map(strip_credentials, options.find_links),
        "trusted-hosts": options.trusted_hosts,
        "only-binary": options.only_binary,
        "no-binary": options.no_binary,
    }
    lines += [_line(key, values) for key, held in lists.items() if (values := list(held))]
    lines += [
        f"{key} = true" for key, held in {"no-index": options.no_index, "pre": options.pre}.items() if held
    ]
    return ["", "[index]", *lines] if lines else []


def _limits_lines(limits: Limits) -> list[str]:
    defaults = Limits()
    values = {"unzipped": limits.unzipped, "layers": limits.layers, "warn-at": limits.warn_at}
    usual = {"unzipped": defaults.unzipped, "layers": defaults.layers, "warn-at": defaults.warn_at}
    lines = [f"{key} = {value}" for key, value in values.items() if value != usual[key]]
    return ["", "[limits]", *lines] if lines else []


def _line(key: str, value: str | list[str], comment: str | None = None) -> str:
    text = f"{key} = {_text(value) if isinstance(value, str) else _list(value)}"
    return f"{text}  # {comment}" if comment else text


def _choice(key: str, value: str, choices: Iterable[str]) -> str:
    others = ", ".join(_text(choice) for choice in choices if choice != value)
    return _line(key, value, f"or {others}")


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _text(value: str) -> str:
    # JSON's escapes are TOML's, but for one character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
