"""What containers that build are given of this machine: ways to the network, certificates, secrets.

Nothing of it is an option or a variable of the container, which whoever may ask the engine could
read: all lies in files under /run/secrets, which go with the container. The program in the container
(scripts/build_wheel.py) takes the variables from environment.json.
"""

from __future__ import annotations

import configparser
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from layerforge.containers.engine import FileIn
from layerforge.errors import ConfigError
from layerforge.model.container import ContainerSettings
from layerforge.model.sizes import format_size
from layerforge.model.url import redact, redact_address

SECRETS = "/run/secrets"
_FOUND = "/run/find-links"
_PRIVATE = 0o600
_HIDDEN = "***"
# Shorter ones would hide half of every sentence.
_SHORTEST_SECRET = 4
# Of a file: it holds other words than secrets, too.
_SHORTEST_WORD = 8
_SECRET_FILE_MAX = 2**16
_FIND_LINKS_MAX = 64 * 2**20
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# Who reads which name: pip, OpenSSL, requests, curl, git, cargo, Node.js.
_CA_READERS = (
    "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO", "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
_CA_NAMED_BY = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
# Options of pip that hold in a container as here.
_PIP_OPTIONS = {
    "PIP_INDEX_URL": "index-url",
    "PIP_EXTRA_INDEX_URL": "extra-index-url",
    "PIP_TRUSTED_HOST": "trusted-host",
    "PIP_NO_INDEX": "no-index",
    "PIP_PROXY": "proxy",
    "PIP_RETRIES": "retries",
    "PIP_TIMEOUT": "timeout",
    "PIP_DEFAULT_TIMEOUT": "timeout",
    "PIP_PRE": "pre",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Passing:
    """Files for the container, remarks for the user, and values that nobody may be shown."""

    files: tuple[FileIn, ...]
    notes: tuple[str, ...]
    secrets: tuple[str, ...]

    def hide(self, text: str) -> str:
        """`text` without the values that were passed in."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return redact(text)


def make_passing(
    settings: ContainerSettings,
    *,
    pip_environment: Mapping[str, str],
    environment: Mapping[str, str],
    root: Path,
) -> Passing:
    """Gather it. `pip_environment` says how pip reaches its indexes, `environment` is the user's own.

    Raises ConfigError for a file or a variable that the config names and that is not there.
    """
    gathered = _Gathered(root=root, files=[], notes=[], variables={})
    gathered.certificates(settings, pip_environment)
    gathered.proxies(settings, environment)
    gathered.pip(pip_environment)
    gathered.netrc(environment)
    for name in settings.environment:
        if name not in environment:
            raise ConfigError(
                f"[container] environment names {name}, which is not set",
                hint="set it, or remove it from the config",
            )
        gathered.variables[name] = environment[name]
    for name in settings.secrets:
        gathered.secret(name, environment)
    values = json.dumps(gathered.variables).encode()
    gathered.files.append(FileIn(f"{SECRETS}/environment.json", values, _PRIVATE))
    return Passing(
        files=tuple(gathered.files),
        notes=tuple(gathered.notes),
        secrets=_secrets(settings, environment, pip_environment, gathered.hidden),
    )


def _secrets(
    settings: ContainerSettings,
    environment: Mapping[str, str],
    pip_environment: Mapping[str, str],
    in_files: Iterable[str],
) -> tuple[str, ...]:
    """Values of variables and of files, and passwords in URLs as they stand and decoded; longest first."""
    found = {environment[name] for name in settings.environment} | set(in_files)
    named = (*_PROXIES, *(name.upper() for name in _PROXIES))
    texts = [environment.get(name, "") for name in named] + [
        pip_environment.get(name, "") for name in (*_PIP_OPTIONS, "PIP_FIND_LINKS")
    ]
    for text in texts:
        for word in text.split():
            # Proxies are also written without a scheme.
            address = word if "://" in word else f"http://{word}"
            password = urlsplit(address).password if "@" in word else None
            found |= {password, unquote(password)} if password else set()
    return tuple(sorted((s for s in found if len(s) >= _SHORTEST_SECRET), key=lambda s: (-len(s), s)))


@dataclass(kw_only=True, slots=True)
class _Gathered:
    """What is found, step by step."""

    root: Path
    files: list[FileIn]
    notes: list[str]
    variables: dict[str, str]
    hidden: list[str] = field(default_factory=list)

    def certificates(self, settings: ContainerSettings, pip_environment: Mapping[str, str]) -> None:
        named = settings.ca_bundle
        if named is not None:
            path = self.root / Path(named).expanduser()
            if not path.is_file():
                raise ConfigError(f"[container] ca-bundle names {named}, which is not a file")
        else:
            given = (Path(value) for name in _CA_NAMED_BY if (value := pip_environment.get(name)))
            found = next((path for path in given if path.is_file()), None)
            if found is None:
                return
            path = found
        inside = f"{SECRETS}/ca-bundle.pem"
        # Certificates are no secret, and a package manager may read them as another user.
        self.files.append(FileIn(inside, path))
        self.variables |= dict.fromkeys(_CA_READERS, inside)

    def proxies(self, settings: ContainerSettings, environment: Mapping[str, str]) -> None:
        for name in _PROXIES:
            value = environment.get(name) or environment.get(name.upper())
            if value is None:
                continue
            self.variables |= {name: value, name.upper(): value}
            host = urlsplit(value if "://" in value else f"http://{value}").hostname
            local = name != "no_proxy" and host in {"localhost", "127.0.0.1", "::1"}
            if local and settings.network != "host":
                self.notes.append(
                    f"the proxy {redact_address(value)} is this machine itself, which containers reach "
                    'under that name only with network = "host" in [container]'
                )

    def pip(self, pip_environment: Mapping[str, str]) -> None:
        options = {
            option: value
            for name, option in _PIP_OPTIONS.items()
            if (value := pip_environment.get(name, "").strip())
        }
        for option in ("index-url", "extra-index-url"):
            words = options.get(option, "").split()
            kept = [word for word in words if not word.startswith("file:")]
            if kept != words:
                self.notes.append("an index that is a folder of this machine is not there for containers")
            options[option] = "\n".join(kept)
        found = [self._find_links(place) for place in pip_environment.get("PIP_FIND_LINKS", "").split()]
        options["find-links"] = "\n".join(place for place in found if place)
        if client := pip_environment.get("PIP_CLIENT_CERT"):
            inside = f"{SECRETS}/client-cert.pem"
            self.files.append(FileIn(inside, Path(client), _PRIVATE))
            options["client-cert"] = inside
        text = format_pip_config({key: value for key, value in options.items() if value})
        self.files.append(FileIn(f"{SECRETS}/pip.conf", text.encode(), _PRIVATE))
        self.variables["PIP_CONFIG_FILE"] = f"{SECRETS}/pip.conf"

    def _find_links(self, place: str) -> str | None:
        if "://" in place and not place.startswith("file:"):
            return place
        folder = Path(url2pathname(urlsplit(place).path)) if place.startswith("file:") else self.root / place
        if not folder.is_dir():
            return None
        files = sorted(path for path in folder.iterdir() if path.is_file())
        size = sum(path.stat().st_size for path in files)
        if size > _FIND_LINKS_MAX:
            self.notes.append(
                f"find-links {folder} is not there for containers: it holds {format_size(size)}, more than "
                f"the {format_size(_FIND_LINKS_MAX)} that are copied"
            )
            return None
        inside = f"{_FOUND}/{sum(1 for file in self.files if file.path.startswith(_FOUND))}"
        self.files += [FileIn(f"{inside}/{path.name}", path) for path in files]
        return inside if files else None

    def netrc(self, environment: Mapping[str, str]) -> None:
        named = environment.get("NETRC")
        path = Path(named) if named else Path(environment.get("HOME", "/nonexistent")) / ".netrc"
        if path.is_file():
            self.files.append(FileIn(f"{SECRETS}/netrc", path, _PRIVATE))
            self.variables["NETRC"] = f"{SECRETS}/netrc"
            self.hidden += _words_of(path)

    def secret(self, name: str, environment: Mapping[str, str]) -> None:
        home = environment.get("HOME")
        place = f"{home}{name[1:]}" if home and name.startswith("~/") else name
        path = self.root / place
        if not path.is_file():
            raise ConfigError(
                f"[container] secrets names {name}, which is not a file", hint=f"looked for {path}"
            )
        self.files.append(FileIn(f"{SECRETS}/{path.name}", path, _PRIVATE))
        self.hidden += _words_of(path)


def _words_of(path: Path) -> list[str]:
    """What may not be shown of a file of secrets: its lines, and the last word of each (`password = …`).

    A key's lines are hidden whole; what is no text, nobody prints.
    """
    with path.open("rb") as stream:
        lines = stream.read(_SECRET_FILE_MAX).decode(errors="replace").splitlines()
    words = [word for line in lines if (word := line.strip())]
    words += [word.replace("=", " ").split()[-1] for word in words if word.strip("= ")]
    return [word for word in words if len(word) >= _SHORTEST_WORD]


def format_pip_config(options: Mapping[str, str]) -> str:
    """A pip.conf. Its values are taken literally but for `%`, which pip's parser reads as it stands."""
    parser = configparser.RawConfigParser()
    parser["global"] = dict(sorted(options.items()))
    stream = io.StringIO()
    parser.write(stream)
    return stream.getvalue()
