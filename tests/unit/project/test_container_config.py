"""`[container]`: every key, and every way to get one wrong."""

from __future__ import annotations

import tomllib

import pytest

from layerforge.errors import ConfigError
from layerforge.model.container import ContainerSettings, RuntimeImage, SystemPackages
from layerforge.model.target import Target
from layerforge.project.config import parse_config


def parse(text: str) -> ContainerSettings:
    return parse_config({"container": tomllib.loads(text)}, path="layerforge.toml").container


def test_every_key() -> None:
    settings = parse(
        """
        run-image = "mirror.example/lambda/python:{python}"
        pull = "never"
        network = "host"
        ca-bundle = "certs/company.pem"
        environment = ["TOKEN"]
        secrets = ["~/.netrc"]
        strip = ["NumPy"]
        recipes = "build/recipes"
        memory = "2 GB"
        cpus = 1.5
        timeout = 600

        [build-image]
        "python3.13" = "mirror.example/build:{runtime}-{architecture}"
        "python3.12-arm64" = "mirror.example/build:arm"

        [packages]
        Psycopg2 = ["libpq-devel"]
        "*" = ["git"]
        """
    )
    assert settings == ContainerSettings(
        build_images=(
            RuntimeImage(name="python3.13", reference="mirror.example/build:{runtime}-{architecture}"),
            RuntimeImage(name="python3.12-arm64", reference="mirror.example/build:arm"),
        ),
        run_images=(RuntimeImage(name="*", reference="mirror.example/lambda/python:{python}"),),
        pull="never",
        network="host",
        ca_bundle="certs/company.pem",
        environment=("TOKEN",),
        secrets=("~/.netrc",),
        packages=(
            SystemPackages(distribution="psycopg2", packages=("libpq-devel",)),
            SystemPackages(distribution="*", packages=("git",)),
        ),
        strip=("numpy",),
        recipes="build/recipes",
        memory=2 * 2**30,
        cpus=1.5,
        timeout=600,
    )


def test_short_forms() -> None:
    settings = parse('packages = ["gcc-gfortran"]\nstrip = true')
    assert settings.packages == (SystemPackages(distribution="*", packages=("gcc-gfortran",)),)
    assert settings.strip == ("*",)
    assert parse("strip = false").strip == ()


@pytest.mark.parametrize(
    ("target", "build", "run"),
    [
        (
            Target(runtime="python3.13", architecture="x86_64"),
            "mine:python3.13-x86_64",
            "public.ecr.aws/lambda/python:3.13",
        ),
        (
            Target(runtime="python3.12", architecture="arm64"),
            "arm",
            "public.ecr.aws/lambda/python:3.12",
        ),
        (
            Target(runtime="python3.12", architecture="x86_64"),
            "public.ecr.aws/sam/build-python3.12:latest-x86_64",
            "public.ecr.aws/lambda/python:3.12",
        ),
    ],
)
def test_which_image(target: Target, build: str, run: str) -> None:
    settings = parse(
        '[build-image]\n"python3.13" = "mine:{runtime}-{architecture}"\n"python3.12-arm64" = "arm"'
    )
    assert (settings.build_image(target), settings.run_image(target)) == (build, run)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("memry = 1", "container.memry: unknown key", "did you mean memory?"),
        (
            'build-image = { "python3.l3" = "x" }',
            "container.build-image.python3.l3: unknown key",
            "did you mean python3.13?",
        ),
        (
            "pull = 'often'",
            "container.pull: unexpected value 'often' (expected 'missing', 'always' or 'never')",
            None,
        ),
        (
            "environment = ['TOKEN=hunter2']",
            "container.environment: unexpected value (expected a variable's name)",
            (
                "name the variable alone: its value is taken from the environment, "
                "so that no file holds a secret"
            ),
        ),
        (
            "environment = ['a b']",
            "container.environment: unexpected 'a b' (expected a variable's name)",
            None,
        ),
        ("cpus = 0", "container.cpus: unexpected value 0 (expected a number above 0, such as 2)", None),
        ("timeout = -1", "container.timeout: unexpected value -1 (expected seconds, such as 3600)", None),
        (
            "memory = 4",
            "container.memory: unexpected value 4 (expected at least 64 MB)",
            "a number is bytes; for example memory = '4 GB'",
        ),
        (
            "recipes = '../elsewhere'",
            "container.recipes: unexpected value '../elsewhere' (expected a folder below the project root)",
            None,
        ),
        ("strip = 3", "container.strip: unexpected type integer (expected string or array of strings)", None),
        (
            "packages = { lxml = 1 }",
            "container.packages.lxml: unexpected type integer (expected string or array of strings)",
            None,
        ),
    ],
)
def test_what_is_refused(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert (caught.value.headline, caught.value.hint) == (f"layerforge.toml: {message}", hint)
    assert "hunter2" not in caught.value.headline
