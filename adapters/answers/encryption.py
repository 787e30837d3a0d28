"""Keyed hashes and encryption of what is kept: without APP_SECRET_KEYS a dump of the database says nothing of anybody.

From each secret key HKDF makes a key for hashes, one for encryption, and a short name that tells by
which key something was made. The newest key hashes and seals; every key is read.

A nonce is random: one key may seal 2**32 things (NIST SP 800-38D), far beyond what one deployment keeps.
"""

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from function.person import Person

NAME_BYTES = 4
"""Of a key's name, which everything hashed or sealed begins with."""

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Tampered(Exception):
    """It is not what was sealed, or it was sealed for another place."""


@dataclass(frozen=True, slots=True)
class _Key:
    name: bytes
    hashing: bytes = field(repr=False)
    cipher: AESGCM


class Sealer:
    """Hashes persons and seals texts. `keys`: the secrets, newest first, one at least; they show in no repr."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [_key(secret) for secret in keys]
        self._newest = self._keys[0]
        self._by_name = {key.name: key for key in self._keys}

    @property
    def names(self) -> list[bytes]:
        """The names of the keys, the one that writes first."""
        return [key.name for key in self._keys]

    def id(self, person: Person) -> bytes:
        """What the person is kept under: the newest key's name and the HMAC-SHA256 of the identity."""
        return _id(self._newest, person.identity)

    def ids(self, person: Person) -> list[bytes]:
        """What the person may be kept under, a key each, the newest first."""
        identity = person.identity
        return [_id(key, identity) for key in self._keys]

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt, bound to its place: opened anywhere else it is `Tampered`."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._newest.name + nonce + self._newest.cipher.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes | None:
        """Decrypt what `seal` made for this place; None where its key is not among ours any more. Raises Tampered."""
        key = self._by_name.get(sealed[:NAME_BYTES])
        if key is None:
            return None
        nonce, text = sealed[NAME_BYTES : NAME_BYTES + _NONCE_BYTES], sealed[NAME_BYTES + _NONCE_BYTES :]
        try:
            return key.cipher.decrypt(nonce, text, place)
        except (InvalidTag, ValueError):
            raise Tampered from None


def _id(key: _Key, identity: bytes) -> bytes:
    return key.name + hmac.digest(key.hashing, identity, "sha256")


def _key(secret: str) -> _Key:
    def derived(use: bytes, length: int = _KEY_BYTES) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"inn " + use).derive(secret.encode())

    return _Key(derived(b"name", NAME_BYTES), derived(b"hash"), AESGCM(derived(b"encrypt")))
