import hashlib
import hmac
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.answers.encryption import NAME_BYTES, KeyRing, Tampered
from tests.contracts.stores import request

OLD, NEW = "o" * 32, "n" * 32
PLAIN = b"770000000082"


def test_a_person_is_stored_under_a_keyed_hash_of_the_identity() -> None:
    person = request().person
    hashing = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"inn hash").derive(NEW.encode())
    hashed = KeyRing([NEW]).hash(person)
    assert hashed[NAME_BYTES:] == hmac.new(hashing, person.identity, hashlib.sha256).digest()
    assert hashed != KeyRing([OLD]).hash(person)
    assert hashed != KeyRing([NEW]).hash(request(2).person)


def test_the_newest_key_writes_and_all_read() -> None:
    old, both, new = KeyRing([OLD]), KeyRing([NEW, OLD]), KeyRing([NEW])
    person = request().person
    assert both.hashes(person) == [new.hash(person), old.hash(person)]
    assert both.hash(person) == new.hash(person)
    assert both.hash(person).startswith(both.key_names[0])
    assert both.decrypt(old.encrypt(PLAIN, b"context"), b"context") == PLAIN
    assert new.decrypt(both.encrypt(PLAIN, b"context"), b"context") == PLAIN


def test_what_was_encrypted_under_a_key_that_is_gone_is_told_from_damage() -> None:
    assert KeyRing([NEW]).decrypt(KeyRing([OLD]).encrypt(PLAIN, b"context"), b"context") is None


def changed(encrypted: bytes, at: int) -> bytes:
    damaged = bytearray(encrypted)
    damaged[at] ^= 1
    return bytes(damaged)


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(lambda ring: ring.encrypt(PLAIN, b"another context"), id="of another context"),
        *(
            pytest.param(lambda ring, at=at: changed(ring.encrypt(PLAIN, b"context"), at), id=f"one byte in {where}")
            for where, at in {"the nonce": NAME_BYTES, "the text": NAME_BYTES + 12, "the tag": -1}.items()
        ),
        *(
            pytest.param(lambda ring, length=length: ring.encrypt(PLAIN, b"context")[:length], id=f"cut to {what}")
            for what, length in {"a key's name": 4, "half a nonce": 10, "less than a tag": 20}.items()
        ),
    ],
)
def test_damage_is_noticed(damaged: Callable[[KeyRing], bytes]) -> None:
    ring = KeyRing([NEW])
    with pytest.raises(Tampered):
        ring.decrypt(damaged(ring), b"context")


def test_no_two_ciphertexts_are_alike_and_neither_shows_anything() -> None:
    ring = KeyRing([NEW])
    first, second = (ring.encrypt(PLAIN, b"context") for _ in range(2))
    assert first != second
    assert PLAIN not in first
    assert "hashing" not in repr(vars(ring))
