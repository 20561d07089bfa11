"""Keep secrets out of everything that is written or shown."""

from __future__ import annotations

import re

# User information reaches to the last `@` of the authority (RFC 3986: up to `/`, `?`, `#`). Passwords
# that nobody quoted may hold these too: what stands between a colon and the end of the authority and
# is no port is a password's beginning, and then it reaches to the next `@`. Quotes may be part of it.
_USERINFO = re.compile(
    r"(?<=://)(?:[^/?#\s]*@"
    r"|[^/?#\s:@\[]+:(?![0-9]*(?:[/?#\"'<>),;\s]|$))[^\s@]*@(?:[^/?#\s@]*@)*)"
)
# Signed URLs (S3, Azure, CodeArtifact, Artifactory) carry the secret in the query.
_GUARDED = (
    r"(?:[a-z0-9_.-]*(?:token|signature|passw(?:or)?d|secret|credential|(?:api|access|private)[-_]?key)"
    r"|sig|auth|authorization|pwd|jwt)"
)
_SECRET_QUERY = re.compile(rf"(?i)(?P<key>[?&;#]{_GUARDED}=)[^&\s#\"]+")
_SECRET_PARAMETER = re.compile(rf"(?i)(?P<mark>[?&#]){_GUARDED}=[^&\s#\"]*")
_SECRET_HEADER = re.compile(
    r"(?i)(?P<key>\bauthorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer)\s+)[^\s'\",]+"
)


def redact(text: str) -> str:
    """`text` with every URL's user information and secret query value replaced by `****`."""
    hidden = _USERINFO.sub(_hide_userinfo, text)
    return _SECRET_HEADER.sub(r"\g<key>****", _SECRET_QUERY.sub(r"\g<key>****", hidden))


def redact_address(text: str) -> str:
    """The same for addresses that may be written without a scheme, as proxies are: `me:secret@proxy:3128`."""
    return redact(text) if "://" in text else redact(f"http://{text}").removeprefix("http://")


def _hide_userinfo(match: re.Match[str]) -> str:
    # `git+ssh://git@host` carries no secret and pip shows it; hiding it would hide a needed fact.
    return match[0] if match[0] == "git@" else "****@"


def strip_credentials(url: str) -> str:
    """`url` without user information and secret query values, as it may stand in a lock or manifest."""
    bare = _USERINFO.sub(lambda match: match[0] if match[0] == "git@" else "", url)
    return _without_secret_parameters(bare) if _SECRET_PARAMETER.search(bare) else bare


def _without_secret_parameters(url: str) -> str:
    kept = _SECRET_PARAMETER.sub(lambda match: "" if match["mark"] == "&" else match["mark"], url)
    return re.sub(r"[?#](?=#|$)", "", re.sub(r"([?#])&", r"\1", kept))
