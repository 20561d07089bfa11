"""The command group, whose commands are imported when they are asked for, and the one error boundary."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from layerforge import __version__
from layerforge.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, LayerforgeError
from layerforge.os_errors import as_expected
from layerforge.output import Output, wants_json

# Name and short help of every command; the module layerforge.commands.<name> holds the rest.
# Kept here so that `layerforge --help` and shell completion import none of them.
COMMANDS = {
    "init": "Write a layerforge.toml for what is found here.",
    "lock": "Resolve every function's requirements and pin them.",
    "plan": "Show which distributions go into which layers.",
    "build": "Build the layer zips, code zips and the manifest.",
    "check": "Check functions against Lambda's limits, without network.",
    "audit": "Look up known vulnerabilities of what is locked.",
    "verify": "Import, start and invoke what was built, in containers.",
    "recipes": "Show what is known of building distributions from source.",
    "publish": "Publish the layers that changed, and give them to functions.",
    "prune": "Show or delete layer versions that nobody uses.",
    "export": "Write the layers for SAM, CloudFormation, Terraform, CDK, SSM or scripts.",
    "doctor": "See what this machine has of what the project needs.",
    "report": "Show what was built, as tables or as a page.",
    "diff": "Show what changed between two builds, locks or git revisions.",
    "why": "Show which requirements bring a distribution in.",
    "cache": "Show or prune the cache of wheels and facts.",
    "completion": "Print the shell's completion script.",
}


# Those that every command takes, where they are often looked for.
_OPTIONS_OF_COMMANDS = {"--config", "--json", "-q", "--quiet", "-v", "--verbose", "--no-color", "--jobs"}


class LazyGroup(click.Group):
    """Imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of a day's work, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"layerforge.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the short helps without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say where options go that stand before the command."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in _OPTIONS_OF_COMMANDS:
                raise
            command = next((arg for arg in args if arg in COMMANDS), "COMMAND")
            raise click.UsageError(
                f"No such option '{error.option_name}' before the command. "
                f"Options come after it: layerforge {command} {error.option_name} ...",
                ctx=ctx,
            ) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for one that does not exist."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else f" Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 a bug, 2 usage or configuration, 3 resolution or stale lock, 4 build, "
    "5 a limit is exceeded, 6 a tool is missing or failed, 7 AWS, 8 verification, 130 interrupted.",
)
@click.version_option(__version__, prog_name="layerforge")
def group() -> None:
    """Layers for Python on AWS Lambda: resolve, plan, build, check."""


def run(arguments: Sequence[str]) -> int:
    """Run the command line; every way that it can end becomes text and an exit code here."""
    signal.signal(signal.SIGTERM, _on_terminate)
    output = Output(as_json=wants_json(arguments), no_color="--no-color" in arguments)
    try:
        code = group.main(args=list(arguments), prog_name="layerforge", standalone_mode=False)
    except click.ClickException as error:
        _tell(output, error)
        return error.exit_code
    except LayerforgeError as error:
        _tell(output, error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        output.interrupted()
        return EXIT_INTERRUPTED
    except OSError as error:
        expected = as_expected(error)
        if expected is None:
            output.bug()
            return EXIT_BUG
        _tell(output, expected)
        return expected.exit_code
    except Exception:  # noqa: BLE001 - the boundary: a bug is shown whole, never swallowed
        output.bug()
        return EXIT_BUG
    return code if isinstance(code, int) else EXIT_OK


def _tell(output: Output, error: LayerforgeError | click.ClickException) -> None:
    try:
        _say(output, error)
    except OSError:
        # It is stdout that takes nothing more, and with --json errors go there.
        _say(Output(no_color=output.no_color), error)
    # What stdout did not take goes to /dev/null: Python tries again at exit, and would end with 120.
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(output: Output, error: LayerforgeError | click.ClickException) -> None:
    if isinstance(error, LayerforgeError):
        output.error(error)
    else:
        output.usage_error(error)


def _on_terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    # The same way out as Ctrl-C, so that temporary files and child processes are cleaned up.
    raise KeyboardInterrupt
