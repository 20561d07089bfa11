"""Planning instances for `layerforge plan --what-if`, made from a seed: like real ones, and hard ones.

Sizes are roughly what the distributions have unzipped on Linux, in KiB.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

KIB = 1024
MIB = 1_048_576
CAP = 262_144_000

Instance = dict[str, Any]

# name: (KiB, what it requires)
CATALOGUE: Mapping[str, tuple[int, str]] = {
    "aiohttp": (6500, "aiosignal attrs frozenlist multidict yarl"),
    "aiosignal": (40, "frozenlist"),
    "alembic": (1550, "mako sqlalchemy"),
    "annotated-types": (62, ""),
    "anthropic": (5400, "distro httpx jiter pydantic"),
    "anyio": (620, "idna sniffio typing-extensions"),
    "attrs": (480, ""),
    "aws-lambda-powertools": (2950, "jmespath typing-extensions"),
    "aws-xray-sdk": (1200, "botocore wrapt"),
    "babel": (38000, ""),
    "boto3": (1120, "botocore jmespath s3transfer"),
    "botocore": (27000, "jmespath python-dateutil urllib3"),
    "certifi": (280, ""),
    "cffi": (1300, "pycparser"),
    "charset-normalizer": (720, ""),
    "click": (600, ""),
    "cryptography": (13700, "cffi"),
    "distro": (50, ""),
    "duckdb": (60200, ""),
    "et-xmlfile": (70, ""),
    "fastapi": (1490, "pydantic starlette"),
    "flask": (650, "blinker click itsdangerous jinja2 werkzeug"),
    "blinker": (60, ""),
    "fonttools": (16200, ""),
    "frozenlist": (330, ""),
    "geopandas": (1450, "pandas pyproj shapely"),
    "greenlet": (1750, ""),
    "grpcio": (30600, "typing-extensions"),
    "h11": (335, ""),
    "httpcore": (545, "certifi h11"),
    "httpx": (620, "anyio certifi httpcore idna"),
    "idna": (390, ""),
    "itsdangerous": (80, ""),
    "jinja2": (1015, "markupsafe"),
    "jiter": (1020, ""),
    "jmespath": (102, ""),
    "joblib": (1910, ""),
    "lxml": (19100, ""),
    "mako": (550, "markupsafe"),
    "mangum": (92, "typing-extensions"),
    "markupsafe": (90, ""),
    "multidict": (470, ""),
    "numpy": (75000, ""),
    "onnxruntime": (60200, "numpy protobuf"),
    "openai": (10100, "anyio distro httpx jiter pydantic tqdm"),
    "openpyxl": (2460, "et-xmlfile"),
    "orjson": (430, ""),
    "pandas": (82700, "numpy python-dateutil pytz tzdata"),
    "phonenumbers": (17900, ""),
    "pillow": (17200, ""),
    "polars": (92400, ""),
    "protobuf": (1740, ""),
    "psycopg2-binary": (9600, ""),
    "pyarrow": (150300, ""),
    "pycparser": (950, ""),
    "pydantic": (1820, "annotated-types pydantic-core typing-extensions"),
    "pydantic-core": (5040, "typing-extensions"),
    "pydantic-settings": (205, "pydantic python-dotenv"),
    "pyjwt": (168, ""),
    "pymongo": (8400, ""),
    "pypdf": (2320, ""),
    "pyproj": (31100, "certifi"),
    "python-dateutil": (1060, "six"),
    "python-dotenv": (120, ""),
    "pytz": (1350, ""),
    "pyyaml": (2380, ""),
    "redis": (2490, ""),
    "regex": (2680, ""),
    "reportlab": (8480, "charset-normalizer pillow"),
    "requests": (358, "certifi charset-normalizer idna urllib3"),
    "s3transfer": (500, "botocore"),
    "scikit-learn": (51400, "joblib numpy scipy threadpoolctl"),
    "scipy": (119000, "numpy"),
    "sentry-sdk": (2700, "certifi urllib3"),
    "shapely": (8360, "numpy"),
    "six": (53, ""),
    "slack-sdk": (3030, ""),
    "sniffio": (25, ""),
    "sqlalchemy": (9750, "greenlet typing-extensions"),
    "starlette": (440, "anyio"),
    "stripe": (6600, "requests typing-extensions"),
    "structlog": (407, ""),
    "tenacity": (130, ""),
    "threadpoolctl": (90, ""),
    "tiktoken": (4790, "regex requests"),
    "tqdm": (430, ""),
    "twilio": (15600, "aiohttp pyjwt requests"),
    "typing-extensions": (340, ""),
    "tzdata": (1580, ""),
    "urllib3": (732, ""),
    "werkzeug": (1443, "markupsafe"),
    "wrapt": (322, ""),
    "xlsxwriter": (860, ""),
    "yarl": (680, "idna multidict"),
}

# What functions of a kind start from, and what they choose among, the most liked first.
KINDS: Mapping[str, tuple[str, str]] = {
    "api": (
        "fastapi mangum",
        "sqlalchemy redis pyjwt psycopg2-binary httpx pydantic-settings alembic phonenumbers",
    ),
    "web": ("flask", "sqlalchemy requests redis pyyaml babel pillow stripe"),
    "auth": ("cryptography pyjwt", "requests pydantic redis pymongo phonenumbers twilio"),
    "events": ("aws-lambda-powertools", "boto3 aws-xray-sdk orjson pydantic redis structlog grpcio pymongo"),
    "integ": ("requests", "stripe slack-sdk twilio lxml tenacity aiohttp cryptography"),
    "docs": ("pillow", "reportlab openpyxl xlsxwriter pypdf lxml fonttools jinja2"),
    "genai": ("pydantic httpx", "openai anthropic tiktoken tenacity numpy pypdf"),
    "etl": ("pandas", "pyarrow openpyxl sqlalchemy boto3 polars duckdb"),
    "ml": ("numpy", "scikit-learn onnxruntime pandas joblib pillow scipy"),
    "geo": ("shapely", "pyproj geopandas requests pandas"),
}
# What a team puts into most of its functions.
KIT = "aws-lambda-powertools aws-xray-sdk boto3 structlog orjson sentry-sdk pyyaml requests tenacity"


def realistic(functions: int, *, seed: int = 0, few_slots: bool = False) -> Instance:
    """A repository of teams: frameworks with what they require, popularity after Zipf, needs below the cap.

    `few_slots`: many functions have layers from elsewhere.
    """
    chance = random.Random(f"realistic {functions} {seed}")
    kinds = chance.sample(sorted(KINDS), min(len(KINDS), max(2, functions // 12)))
    kits = [_zipf(chance, KIT.split(), chance.randrange(4, 10)) for _ in range(max(1, functions // 15))]
    slots, shares = ([1, 2, 3, 4, 5], [3, 4, 3, 4, 6]) if few_slots else ([3, 4, 5], [2, 2, 6])
    stated = {}
    for number in range(functions):
        kind = chance.choice(kinds)
        start, others = (names.split() for names in KINDS[kind])
        asked = [*start, *chance.choice(kits)]
        code = chance.choice([80, 150, 400, 1500, 6000]) * KIB
        for name in _zipf(chance, others, chance.choices(range(5), [4, 5, 3, 2, 1])[0]):
            if _bytes(closure([*asked, name])) + code <= CAP:
                asked.append(name)
        stated[f"{kind}-{number:04}"] = function(closure(asked), code, chance.choices(slots, shares)[0])
    return instance({name: KIB * size for name, (size, _) in CATALOGUE.items()}, stated)


def near_cap(functions: int, *, seed: int = 0) -> Instance:
    """Heavy functions, so that there is room for hardly anything that is not needed."""
    chance = random.Random(f"near-cap {functions} {seed}")
    sizes = {f"p{number:03}": chance.randrange(200 * KIB, 60 * MIB) for number in range(40)}
    stated = {}
    for number in range(functions):
        needs: list[str] = []
        for name in chance.sample(sorted(sizes), 14):
            if sum(sizes[one] for one in needs) + sizes[name] <= CAP - 8 * MIB:
                needs.append(name)
        spare = CAP - sum(sizes[one] for one in needs)
        code = spare - chance.choice([0, 1, 100 * KIB, 5 * MIB])
        stated[f"f{number:04}"] = function(needs, code, chance.choice([2, 3, 4, 5]))
    return instance(sizes, stated)


def scattered(
    functions: int, *, seed: int = 0, atoms: int = 40, slots: Sequence[int] = (1, 2, 3, 4, 5)
) -> Instance:
    """Needs without order, few slots: every distribution is an atom of its own."""
    chance = random.Random(f"scattered {functions} {atoms} {seed}")
    sizes = {f"p{number:03}": int(KIB * 10 ** chance.uniform(1.5, 4.3)) for number in range(atoms)}
    stated = {}
    for number in range(functions):
        needs = chance.sample(sorted(sizes), chance.randrange(atoms // 6, atoms // 3))
        stated[f"f{number:04}"] = function(needs, 100 * KIB, chance.choice(slots))
    return instance(sizes, stated)


def infeasible(functions: int, *, seed: int = 0) -> Instance:
    """Like real ones; but some have no slot, some are over the cap by a byte, some need nothing."""
    made = realistic(functions, seed=seed)
    for number, (name, stated) in enumerate(made["functions"].items()):
        needed = sum(made["dists"][need] for need in stated["needs"])
        change: Callable[[], Instance] = (
            lambda: {"max_layers": 0},
            lambda needed=needed: {"code": CAP - needed + 1},
            lambda needed=needed: {"code": CAP - needed},
            lambda: {"needs": [], "max_layers": 0},
            dict,
        )[number % 5]
        made["functions"][name] = stated | change()
    return made


def closure(names: Sequence[str]) -> list[str]:
    """What comes with some distributions, sorted."""
    held: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in held:
            held.add(name)
            left += CATALOGUE[name][1].split()
    return sorted(held)


def function(needs: Sequence[str], code: int, slots: int, weight: float = 1) -> Instance:
    return {"needs": sorted(needs), "code": code, "max_layers": slots, "weight": weight}


def instance(sizes: Mapping[str, int], functions: Mapping[str, Instance]) -> Instance:
    return {
        "format": "layerplan-instance/1",
        "cap": CAP,
        "lam_num": 1,
        "lam_den": 10,
        "mu": MIB,
        "dists": dict(sizes),
        "functions": dict(functions),
    }


def shuffled(made: Instance, *, seed: int) -> Instance:
    """The same, every list and object in another order."""
    chance = random.Random(seed)

    def mix(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: mix(value[key]) for key in chance.sample(list(value), len(value))}
        return chance.sample(value, len(value)) if isinstance(value, list) else value

    mixed: Instance = mix(made)
    return mixed


def _zipf(chance: random.Random, names: Sequence[str], most: int) -> list[str]:
    weights = [1 / place for place in range(1, len(names) + 1)]
    return sorted(set(chance.choices(names, weights, k=most)))


def _bytes(names: Sequence[str]) -> int:
    return sum(KIB * CATALOGUE[name][0] for name in names)
