"""Keyed hashes and encryption: without APP_SECRET_KEYS a dump of the database reveals no personal data.

HKDF derives from each secret a key for hashes, one for encryption, and a short name, which is the prefix of
all that the key has hashed or encrypted. The newest key writes; every key reads.

A nonce is random: one key may encrypt 2**32 times (NIST SP 800-38D), far beyond what one deployment stores.
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

NAME_BYTES = 4  # length of a key's name

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Tampered(Exception):
    """The ciphertext was changed, or was encrypted for another context."""


@dataclass(frozen=True, slots=True)
class _Key:
    name: bytes
    hashing: bytes = field(repr=False)
    cipher: AESGCM


class KeyRing:
    """Hashes persons, encrypts and decrypts. `secrets`: newest first, at least one; no repr contains them."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = {key.name: key for key in map(_derive, secrets)}
        self._newest = next(iter(self._keys.values()))
        self.key_names = list(self._keys)  # newest first

    def hashes(self, person: Person) -> list[bytes]:
        """The person's hash under each key, each once, newest first: the key's name and the HMAC-SHA256 of the identity."""
        return [key.name + hmac.digest(key.hashing, person.identity, "sha256") for key in self._keys.values()]

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """Encrypt with the newest key, bound to a context: in any other, decryption raises `Tampered`."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._newest.name + nonce + self._newest.cipher.encrypt(nonce, plain, context)

    def decrypt(self, encrypted: bytes, context: bytes) -> bytes | None:
        """Decrypt what `encrypt` made for this context; None where its key is not in the ring. Raises Tampered."""
        key = self._keys.get(encrypted[:NAME_BYTES])
        if key is None:
            return None
        nonce, text = encrypted[NAME_BYTES : NAME_BYTES + _NONCE_BYTES], encrypted[NAME_BYTES + _NONCE_BYTES :]
        try:
            return key.cipher.decrypt(nonce, text, context)
        except (InvalidTag, ValueError):
            raise Tampered from None


def _derive(secret: str) -> _Key:
    def derive(use: bytes, length: int = _KEY_BYTES) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"inn " + use).derive(secret.encode())

    return _Key(derive(b"name", NAME_BYTES), derive(b"hash"), AESGCM(derive(b"encrypt")))
