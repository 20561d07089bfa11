"""`python -m … wheel …`: pip, but with build requirements fetched off the command line."""

from __future__ import annotations

import sys

from pip._internal.cli.main import main

from layerforge.resolve.pip_worker.build_requirements import keep_secrets_off_command_lines

if __name__ == "__main__":
    keep_secrets_off_command_lines()
    sys.exit(main(sys.argv[1:]))
