"""`python -m layerforge`, and the console script."""

from __future__ import annotations

import io
import os
import sys

from layerforge.cli import run


def main() -> None:
    """Run the command line and exit with its code."""
    _have_streams()
    sys.exit(run(sys.argv[1:]))


def _have_streams() -> None:
    """Put /dev/null where the caller closed a stream, and show names that the terminal cannot spell."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, so that no file or pipe of ours is taken for a standard stream.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as long as we live
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
