"""Publishing 20 layers to 3 regions of which 2 changed, beside a loop of `aws lambda publish-layer-version`.

    python benchmarks/publishing.py [--runs 1] [--aws AWS]

Both speak to the same endpoint: moto_server behind a proxy that counts calls and bytes. What a network
adds is the same for each call and byte, so these are compared; seconds are those of the processes. The
loop is what a script does that does not know what changed: each layer, each region. AWS is the path of
the AWS CLI; without it, one is installed from your package index into a temporary folder.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from layerforge.build.manifest import write_manifest
from layerforge.model.artifact import Artifact, BuiltDistribution, Manifest
from tests.aws_endpoint import Endpoint, running_endpoint, running_moto

LAYERFORGE = Path(sys.executable).with_name("layerforge")
REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
LAYERS = 20
CHANGED = 2
SIZE = 1_000_000
# What the project promises: nothing is sent that is there.
MOST_BYTES = CHANGED * len(REGIONS) * SIZE * 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a run took: calls and bytes as they reached the endpoint, seconds of the wall clock."""

    calls: int
    sent: int
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--aws", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_moto() as moto, running_endpoint(moto) as endpoint:
        work = Path(folder)
        aws = options.aws or install_cli(work / "cli")
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_ENDPOINT_URL": endpoint.url,
        }
        publish = [str(LAYERFORGE), "publish", "-q", *(f"--region={region}" for region in REGIONS)]
        project = work / "project"
        build(project, revision=0)
        run([publish], endpoint, cwd=project, environment=environment)
        ours, idle, loop = [], [], []
        for revision in range(1, options.runs + 1):
            manifest = build(project, revision=revision)
            ours.append(run([publish], endpoint, cwd=project, environment=environment))
            idle.append(run([publish], endpoint, cwd=project, environment=environment))
            commands = cli_commands(aws, manifest)
            loop.append(run(commands, endpoint, cwd=project / ".layerforge", environment=environment))
    return report(ours, idle, loop)


def install_cli(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", "awscli"], check=True)
    return folder / "bin" / "aws"


def build(project: Path, *, revision: int) -> Manifest:
    """Layers of random bytes; the first CHANGED of them are others in each revision."""
    output = project / ".layerforge"
    (output / "layers").mkdir(parents=True, exist_ok=True)
    layers = []
    for number in range(LAYERS):
        seed = revision if number < CHANGED else 0
        name = f"bench-py313-x86-64-part{number:02}"
        path = output / "layers" / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            content = hashlib.shake_256(f"{number} {seed}".encode()).digest(SIZE)
            archive.writestr(zipfile.ZipInfo("python/part.bin"), content)
        digest = hashlib.sha256(path.read_bytes()).digest()
        layers.append(
            Artifact(
                name=name,
                path=f"layers/{name}.zip",
                sha256=digest.hex(),
                code_sha256=base64.b64encode(digest).decode(),
                zipped_size=path.stat().st_size,
                unzipped_size=SIZE,
                runtimes=("python3.13",),
                architectures=("x86_64",),
                distributions=(BuiltDistribution(name=f"part{number:02}", version="1", unzipped_size=SIZE),),
                input_digest=digest.hex(),
            )
        )
    manifest = Manifest(project="bench", layers=tuple(layers), functions={})
    write_manifest(output / "manifest.json", manifest)
    return manifest


def cli_commands(aws: Path, manifest: Manifest) -> list[list[str]]:
    return [
        [
            str(aws), "lambda", "publish-layer-version", "--region", region,
            "--layer-name", f"loop-{layer.name}", "--zip-file", f"fileb://{layer.path}",
            "--compatible-runtimes", "python3.13", "--compatible-architectures", "x86_64",
        ]
        for region in REGIONS
        for layer in manifest.layers
    ]  # fmt: skip


def run(
    commands: Sequence[Sequence[str]], endpoint: Endpoint, *, cwd: Path, environment: Mapping[str, str]
) -> Cost:
    endpoint.heal()
    begin = time.perf_counter()
    for command in commands:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    seconds = time.perf_counter() - begin
    return Cost(calls=len(endpoint.calls), sent=endpoint.sent(), seconds=seconds)


def report(ours: Sequence[Cost], idle: Sequence[Cost], loop: Sequence[Cost]) -> int:
    rows = {f"{CHANGED} of {LAYERS} changed": ours, "nothing changed": idle, "aws in a loop": loop}
    print(f"{'':<20}{'calls':>8}{'bytes sent':>14}{'seconds':>10}")
    for name, costs in rows.items():
        seconds = statistics.median(cost.seconds for cost in costs)
        print(f"{name:<20}{costs[-1].calls:>8}{costs[-1].sent:>14,}{seconds:>10.2f}")
    promises = {
        "nothing is sent where nothing changed": all(cost.sent == 0 for cost in idle),
        "only what changed is sent": all(cost.sent <= MOST_BYTES for cost in ours),
        "quicker than the loop": statistics.median(cost.seconds for cost in ours)
        < statistics.median(cost.seconds for cost in loop),
    }
    for promise, kept in promises.items():
        print(f"{promise}: {'fine' if kept else 'MISSED'}")
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
