from __future__ import annotations

import tomllib

import pytest

from layerforge.errors import ConfigError
from layerforge.model.container import ContainerSettings
from layerforge.model.limits import Limits
from layerforge.model.requirement import IndexOptions
from layerforge.project.config import Config, FunctionConfig, parse_config
from layerforge.project.publish_config import PublishTable

ARN = "arn:aws:lambda:eu-west-1:123456789012:layer:other:7"


def parse(text: str, **environment: str) -> Config:
    return parse_config(tomllib.loads(text), path="layerforge.toml", environment=environment)


def test_everything() -> None:
    config = parse(
        f"""
        name = "shop"
        template = "template.yaml"
        runtime = "python3.13"
        architecture = "arm64"
        resolver = "uv"
        builder = "wheels"
        output = "out/layers/"
        layer-sizes = {{ "{ARN}" = "1 MB" }}

        [index]
        url = "https://${{USER}}:${{TOKEN}}@index.example/simple"
        extra-urls = ["https://more.example/${{USER}}"]
        find-links = "wheels"
        trusted-hosts = ["index.example"]
        only-binary = [":all:"]
        no-binary = ["orders"]
        no-index = true
        pre = true

        [functions.orders]
        source = "functions/orders"
        handler = "app.handler"
        requirements = ["functions/orders/requirements.in"]
        extras = ["fast"]
        groups = ["lambda"]
        runtime = "python3.12"
        architecture = "x86_64"
        layers = ["{ARN}"]
        layer-sizes = {{ "{ARN}" = 1234567 }}

        [runtime-provided]
        exclude = ["boto3"]

        [limits]
        unzipped = "200 MB"
        layers = 4
        warn-at = 0.8
        growth = "25 MB"
        layer = "100 MB"

        [container]
        network = "host"

        [publish]
        regions = ["eu-west-1"]
        """,
        USER="me",
        TOKEN="hunter2",
    )
    assert config == Config(
        path="layerforge.toml",
        name="shop",
        templates=("template.yaml",),
        runtime="python3.13",
        architecture="arm64",
        resolver="uv",
        builder="wheels",
        output="out/layers",
        layer_sizes={ARN: 1_048_576},
        options=IndexOptions(
            index_url="https://me:hunter2@index.example/simple",
            extra_index_urls=("https://more.example/me",),
            find_links=("wheels",),
            trusted_hosts=("index.example",),
            only_binary=(":all:",),
            no_binary=("orders",),
            no_index=True,
            pre=True,
        ),
        functions=(
            FunctionConfig(
                name="orders",
                source="functions/orders",
                handler="app.handler",
                requirements=("functions/orders/requirements.in",),
                extras=("fast",),
                groups=("lambda",),
                runtime="python3.12",
                architecture="x86_64",
                layers=(ARN,),
                layer_sizes={ARN: 1_234_567},
            ),
        ),
        runtime_provided=("boto3", "botocore", "jmespath", "s3transfer"),
        limits=Limits(unzipped=209_715_200, layers=4, warn_at=0.8, growth=26_214_400, layer=104_857_600),
        container=ContainerSettings(network="host"),
        publish=PublishTable(data={"regions": ["eu-west-1"]}, path="layerforge.toml"),
    )


def test_nothing() -> None:
    assert parse("") == Config(path="layerforge.toml")


def test_several_templates_and_none() -> None:
    assert parse('template = ["a.yaml", "b.yaml"]').templates == ("a.yaml", "b.yaml")
    assert parse("template = []").templates == ()


@pytest.mark.parametrize(
    ("text", "headline", "hint"),
    [
        ('nmae = "shop"', "nmae: unknown key", "did you mean name?"),
        (
            '[functions.orders]\nrequirments = ["a"]',
            "functions.orders.requirments: unknown key",
            "did you mean requirements?",
        ),
        (
            "[limits]\nqqq = 1",
            "limits.qqq: unknown key",
            "[limits] may hold growth, layer, layers, unzipped, warn-at",
        ),
        ("[index]\nurls = []", "index.urls: unknown key", "did you mean url?"),
        ("name = true", "name: unexpected type boolean (expected string)", None),
        ("name = 1", "name: unexpected type integer (expected string)", None),
        ("name = 2020-01-01", "name: unexpected type date (expected string)", None),
        ('name = ""', "name: unexpected empty string", None),
        (
            'name = "my shop"',
            "name: unexpected value 'my shop' (expected letters, digits, - and _, at most 100)",
            "layer names begin with it, and Lambda allows no other characters there",
        ),
        ("template = 1", "template: unexpected type integer (expected string or array of strings)", None),
        ('template = ["a", 1]', "template[1]: unexpected type integer (expected string)", None),
        ('resolver = "poetry"', "resolver: unexpected value 'poetry' (expected 'pip-tools' or 'uv')", None),
        (
            'builder = "docker"',
            "builder: unexpected value 'docker' (expected 'auto', 'container' or 'wheels')",
            None,
        ),
        (
            'runtime = "python3.9"',
            (
                "runtime: unexpected value 'python3.9' (expected 'python3.10', 'python3.11', 'python3.12', "
                "'python3.13', 'python3.14' or 'python3.15')"
            ),
            None,
        ),
        (
            'runtime = "3.13"',
            (
                "runtime: unexpected value '3.13' (expected 'python3.10', 'python3.11', 'python3.12', "
                "'python3.13', 'python3.14' or 'python3.15')"
            ),
            'write "python3.13"',
        ),
        (
            'architecture = "aarch64"',
            "architecture: unexpected value 'aarch64' (expected 'x86_64' or 'arm64')",
            "AWS spells it arm64",
        ),
        ('output = ".."', "output: unexpected value '..' (expected a folder below the project root)", None),
        (
            'output = "/tmp"',
            "output: unexpected value '/tmp' (expected a folder below the project root)",
            None,
        ),
        (
            'output = "a/.."',
            "output: unexpected value 'a/..' (expected a folder below the project root)",
            None,
        ),
        ('functions = "orders"', "functions: unexpected type string (expected table)", None),
        ('[functions]\norders = "x"', "functions.orders: unexpected type string (expected table)", None),
        (
            '[functions."../x"]',
            "functions.../x: unexpected function name (expected letters, digits, - and _)",
            None,
        ),
        (
            "[functions.a]\nlayers = [{}]",
            "functions.a.layers[0]: unexpected type table (expected string)",
            None,
        ),
        (
            '[functions.a]\nextras = "x"',
            "functions.a.extras: unexpected type string (expected array of strings)",
            None,
        ),
        (
            '[functions.a]\nlayer-sizes = { "x" = true }',
            (
                "functions.a.layer-sizes.x: unexpected type boolean "
                "(expected integer of bytes or string such as '200 MB')"
            ),
            None,
        ),
        (
            '[layer-sizes]\nx = "big"',
            "layer-sizes.x: unexpected value 'big' (expected a size such as '200 MB')",
            None,
        ),
        (
            '[limits]\nunzipped = "251 MB"',
            "limits.unzipped: unexpected value 263192576 (Lambda allows at most 262144000 bytes)",
            None,
        ),
        (
            '[limits]\ngrowth = "much"',
            "limits.growth: unexpected value 'much' (expected a size such as '200 MB')",
            None,
        ),
        (
            '[functions.a.limits]\nlayer = "1 MB"',
            "functions.a.limits.layer: unknown key",
            "did you mean layers?",
        ),
        (
            "[limits]\nlayers = 6",
            "limits.layers: unexpected value 6 (Lambda allows at most 5 layers per function)",
            None,
        ),
        (
            "[limits]\nlayers = true",
            "limits.layers: unexpected type boolean (expected integer)",
            None,
        ),
        (
            "[limits]\nwarn-at = 90",
            "limits.warn-at: unexpected value 90 (expected a share of the limit, such as 0.9)",
            None,
        ),
        (
            '[limits]\nwarn-at = "90%"',
            "limits.warn-at: unexpected type string (expected number)",
            None,
        ),
        (
            '[runtime-provided]\nexclude = ["numpy"]',
            "runtime-provided.exclude: the Python runtimes do not bring numpy, only the boto3 family",
            None,
        ),
        ('[index]\npre = "yes"', "index.pre: unexpected type string (expected boolean)", None),
        (
            '[index]\nurl = "https://${MISSING}@index.example"',
            "index.url: the environment variable MISSING is not set",
            "set it, or remove it here",
        ),
        ("container = []", "container: unexpected type array (expected table)", None),
        ("publish = 1", "publish: unexpected type integer (expected table)", None),
    ],
)
def test_what_is_refused(text: str, headline: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert (caught.value.headline, caught.value.hint) == (f"layerforge.toml: {headline}", hint)


def test_keys_in_pyproject_are_named_from_its_top() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"nmae": "x"}, path="pyproject.toml", keys=("tool", "layerforge"))
    assert caught.value.headline == "pyproject.toml: tool.layerforge.nmae: unknown key"


def test_a_secret_is_not_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        parse('[index]\nurl = "https://me:hunter2@index.example/${MISSING}"')
    assert "hunter2" not in str(caught.value)
