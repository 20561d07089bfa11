"""Checks passwords and gives out tokens that expire."""

import hmac
import os
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, Field, ValidationError
from shopkit import answer, body_of

_TOKENS = Fernet(os.environ.get("TOKEN_KEY") or Fernet.generate_key())


class Login(BaseModel):
    """Who comes, with what; the salt and hash are what the shop keeps of a password."""

    customer: str
    password: str = Field(min_length=8)
    salt: bytes
    expected: str


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    try:
        login = Login.model_validate_json(body_of(event))
    except ValidationError:
        return answer(400, {"error": "this is no login"})
    if not hmac.compare_digest(password_hash(login.password, login.salt), login.expected):
        return answer(401, {"error": "wrong customer or password"})
    return answer(200, {"token": _TOKENS.encrypt(login.customer.encode()).decode()})


def password_hash(password: str, salt: bytes) -> str:
    """The hash under which a password is kept."""
    return Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(password.encode()).hex()
