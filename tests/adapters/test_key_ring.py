import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.answers.key_ring import NAME_BYTES, KeyRing, Tampered
from tests.contracts.stores import request

OLD, NEW = "o" * 32, "n" * 32
PLAIN = b"770000000082"


def test_a_person_is_stored_under_a_keyed_hash_of_the_identity() -> None:
    person = request().person
    hashing = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"inn hash").derive(NEW.encode())
    (hashed,) = KeyRing([NEW]).hashes(person)
    assert hashed[NAME_BYTES:] == hmac.new(hashing, person.identity, hashlib.sha256).digest()
    assert [hashed] != KeyRing([OLD]).hashes(person)
    assert [hashed] != KeyRing([NEW]).hashes(request(2).person)


def test_the_newest_key_writes_and_all_read_and_without_its_key_nothing_is_read() -> None:
    old, both, new = KeyRing([OLD]), KeyRing([NEW, OLD]), KeyRing([NEW])
    person = request().person
    assert both.hashes(person) == [*new.hashes(person), *old.hashes(person)]
    assert both.hashes(person)[0].startswith(both.key_names[0])
    assert both.decrypt(old.encrypt(PLAIN, b"context"), b"context") == PLAIN
    assert new.decrypt(both.encrypt(PLAIN, b"context"), b"context") == PLAIN
    assert new.decrypt(old.encrypt(PLAIN, b"context"), b"context") is None


def test_what_is_damaged_or_was_encrypted_in_another_context_is_noticed() -> None:
    ring = KeyRing([NEW])
    encrypted = ring.encrypt(PLAIN, b"context")
    # A key's name, half a nonce, no tag.
    wrong = [ring.encrypt(PLAIN, b"another context"), *(encrypted[:length] for length in (4, 10, 20))]
    for at in (NAME_BYTES, NAME_BYTES + 12, -1):  # in the nonce, in the text, in the tag
        changed = bytearray(encrypted)
        changed[at] ^= 1
        wrong.append(bytes(changed))
    for each in wrong:
        with pytest.raises(Tampered):
            ring.decrypt(each, b"context")


def test_no_two_ciphertexts_are_alike_and_neither_shows_anything() -> None:
    ring = KeyRing([NEW])
    first, second = (ring.encrypt(PLAIN, b"context") for _ in range(2))
    assert first != second
    assert PLAIN not in first
    assert "hashing" not in repr(vars(ring))
