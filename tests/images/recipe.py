"""What is in the images, and the digest under which an engine keeps them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

NAME = "layerforge-test"
# What the emulator is taken out of.
SAM_CLI = "aws-sam-cli==1.170.0"
RUNTIME_CLIENT = "awslambdaric==4.2.2"
SDK = "boto3==1.43.46"
COMPILERS = (
    "python3-pip",
    "python3-dev",
    "gcc",
    "g++",
    "make",
    "pkg-config",
    "binutils",
    "patchelf",
    "libpq-dev",
)

# As in the base images of AWS: https://docs.aws.amazon.com/lambda/latest/dg/python-image.html
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ),
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}
ENTRYPOINT = """\
#!/bin/sh
if [ $# -ne 1 ]; then
    echo "entrypoint requires the handler name to be the first argument" 1>&2
    exit 142
fi
export _HANDLER="$1"
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
    exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
fi
exec /var/runtime/bootstrap
"""
BOOTSTRAP = """\
#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_python{python}
export PYTHONPATH=/opt/python/lib/python{python}/site-packages:/opt/python:/var/runtime
cd "$LAMBDA_TASK_ROOT"
exec /var/lang/bin/python{python} -m awslambdaric "$_HANDLER"
"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An image: `kind` is "build" (compilers, no entrypoint) or "run" (a runtime, nothing else)."""

    python: str
    suite: str
    kind: str

    @property
    def packages(self) -> tuple[str, ...]:
        return ("python3", "ca-certificates", *(COMPILERS if self.kind == "build" else ()))

    @property
    def reference(self) -> str:
        return f"{NAME}-{self.kind}:python{self.python}-{self._digest()}"

    def _digest(self) -> str:
        here = Path(__file__).parent
        digest = hashlib.sha256(repr((self.suite, self.packages)).encode())
        for name in ("recipe.py", "making.py"):
            digest.update((here / name).read_bytes())
        return digest.hexdigest()[:12]


RECIPES = tuple(
    Recipe(python=python, suite=suite, kind=kind)
    for kind in ("build", "run")
    for python, suite in (("3.11", "bookworm"), ("3.13", "trixie"))
)
