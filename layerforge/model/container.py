"""How containers are to be used: images, what they may take, what is passed in."""

from __future__ import annotations

from dataclasses import dataclass

from layerforge.model.target import Target

# Source: https://docs.aws.amazon.com/lambda/latest/dg/python-image.html (run images) and
# https://gallery.ecr.aws/sam (build images: compilers, and no entrypoint).
BUILD_IMAGE = "public.ecr.aws/sam/build-{runtime}:latest-{architecture}"
RUN_IMAGE = "public.ecr.aws/lambda/python:{python}"

BYTECODE_MODES = ("auto", "on", "off", "used")
PULL_MODES = ("missing", "always", "never")


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeImage:
    """An image for one runtime (`python3.13`), or for one target (`python3.13-arm64`)."""

    name: str
    reference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemPackages:
    """Packages of the image's system that are installed before `distribution` is built ("*": any)."""

    distribution: str
    packages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerSettings:
    """`[container]` of the config, defaults filled in.

    `network` is that of containers that build; the ones that verify have none. `ca_bundle` is a file
    of this machine (None: the one that pip's settings or the environment name). `environment` holds
    names of variables whose values are passed to containers that build, `secrets` files of this
    machine that they find under /run/secrets; neither value nor file is ever kept. `memory` is in
    bytes, `timeout` in seconds for each container. `strip` names distributions whose debug symbols
    are removed ("*": all; None: recipes say it of what is built from source). `recipes` is a folder of
    the user's own recipes, relative to the root; None if there is none.
    """

    build_images: tuple[RuntimeImage, ...] = ()
    run_images: tuple[RuntimeImage, ...] = ()
    pull: str = "missing"
    network: str = "bridge"
    ca_bundle: str | None = None
    environment: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    packages: tuple[SystemPackages, ...] = ()
    strip: tuple[str, ...] | None = None
    recipes: str | None = None
    memory: int = 4 * 2**30
    cpus: float | None = None
    timeout: int = 3600

    def build_image(self, target: Target) -> str:
        """The reference of the image that has compilers."""
        return _reference(self.build_images, target, BUILD_IMAGE)

    def run_image(self, target: Target) -> str:
        """The reference of the image that is like Lambda."""
        return _reference(self.run_images, target, RUN_IMAGE)


def _reference(images: tuple[RuntimeImage, ...], target: Target, default: str) -> str:
    """The image of the target, else of its runtime, else for all (`*`), else AWS's."""
    by_name = {image.name: image.reference for image in images}
    pattern = by_name.get(target.name) or by_name.get(target.runtime) or by_name.get("*") or default
    python = target.runtime.removeprefix("python")
    return (
        pattern.replace("{runtime}", target.runtime)
        .replace("{python}", python)
        .replace("{architecture}", target.architecture)
    )
