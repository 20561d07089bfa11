"""`layerforge completion SHELL`: the script that the shell reads."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell, for its start-up file.

    \b
        eval "$(layerforge completion bash)"         # ~/.bashrc
        eval "$(layerforge completion zsh)"          # ~/.zshrc
        layerforge completion fish | source          # ~/.config/fish/config.fish
    """  # noqa: D301 - \b is click's mark for lines to keep as they are
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None
    group = click.get_current_context().find_root().command
    click.echo(completion(group, {}, "layerforge", "_LAYERFORGE_COMPLETE").source())
