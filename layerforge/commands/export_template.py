"""Which template `layerforge export sam` reads, and where the result goes."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layerforge.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from layerforge.commands.options import Options
    from layerforge.export.sam import UserTemplate
    from layerforge.project.template_tree import TemplateTree


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateOptions:
    """The options of `export` that are for `sam` alone."""

    template: Path | None
    in_place: bool
    with_code: bool

    def refuse(self) -> None:
        """Raise UsageError if one of them was given."""
        if self.template or self.in_place or self.with_code:
            raise UsageError("--template, --in-place and --code are for `layerforge export sam`")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenTemplate:
    """The template and the file that the result goes to, None for stdout. `file` is where it lies."""

    file: Path
    template: UserTemplate
    target: Path | None
    has_mark: bool

    @property
    def shown(self) -> str | None:
        """What the file is called that the result goes to; None for stdout."""
        return self.template.path if self.target == self.file else str(self.target) if self.target else None

    def write(self, text: str) -> bool:
        """Put the result where it goes, with the mode that was there; False if it is there already."""
        from layerforge.cache import write_atomically

        if self.target is None:
            return False
        # A link stays one.
        target = self.target.resolve()
        data = (codecs.BOM_UTF8 if self.has_mark else b"") + text.encode()
        if target.exists():
            if target.read_bytes() == data:
                return False
            mode = target.stat().st_mode & 0o777
            write_atomically(target, data)
            target.chmod(mode)
        else:
            write_atomically(target, data)
        return True


def choose_template(options: Options, given: TemplateOptions, output: Path | None) -> ChosenTemplate:
    """Find the template and read it. Raises UsageError for options that do not go together."""
    from layerforge.export.sam import UserTemplate
    from layerforge.project.config_file import read_config
    from layerforge.project.loading import load_templates
    from layerforge.project.paths import relative_path
    from layerforge.project.template_text import parse_template
    from layerforge.project.template_tree import read_text, unique_names

    if given.in_place and output:
        raise UsageError("--in-place and -o exclude each other")
    config, _ = read_config(options.root, config=options.config, keep_unset=True)
    tree = load_templates(options.root, config)
    file = given.template or options.root / _only_template(tree)
    path = relative_path(options.root, file.absolute())
    read_text(file, shown=path)  # tells what is wrong with it, but changes the ends of lines
    data = file.read_bytes()
    text = data.decode("utf-8-sig")
    functions: dict[str, tuple[str, ...]] = {}
    for name, located in unique_names(tree.functions):
        if (options.root / located.template.path).resolve() == file.resolve():
            key = located.function.logical_id
            functions[key] = (*functions.get(key, ()), name)
    if not functions:
        # A template that is none of the project's: its functions are told by their logical ids.
        resources = parse_template(text, path=path).get("Resources")
        functions = {str(key): (str(key),) for key in (resources if isinstance(resources, dict) else ())}
    target = file if given.in_place else output
    is_copy = target is not None and target.resolve() != file.resolve()
    _check_target(file, target, is_copy=is_copy, with_code=given.with_code)
    template = UserTemplate(path=path, text=text, functions=functions, copy_of=file.name if is_copy else None)
    return ChosenTemplate(
        file=file, template=template, target=target, has_mark=data.startswith(codecs.BOM_UTF8)
    )


def _only_template(tree: TemplateTree) -> str:
    paths = sorted({located.template.path for located in tree.functions})
    if len(paths) == 1:
        return paths[0]
    if paths:
        raise UsageError(
            "functions are in several templates, and one is written at a time",
            details=paths,
            hint=f"say which: --template {paths[0]}",
        )
    raise ConfigError("no template was found here", hint="name it with --template FILE")


def _check_target(file: Path, target: Path | None, *, is_copy: bool, with_code: bool) -> None:
    if with_code and not is_copy:
        raise UsageError(
            "--code goes with -o FILE: your own template must go on naming the sources that are built from",
            hint=f"-o {file.with_name(f'deploy{file.suffix}')}",
        )
    if target is not None and target.absolute().parent.resolve() != file.absolute().parent.resolve():
        raise UsageError(
            f"paths in a template are relative to its folder: {target} must lie where {file.name} does",
            hint=f"-o {file.with_name(target.name)}",
        )
