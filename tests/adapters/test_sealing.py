import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.answers.encryption import NAME_BYTES, Sealer, Tampered
from tests.contracts.stores import request

OLD, NEW = "o" * 32, "n" * 32
PLAIN = b"770000000082"


def test_a_person_is_kept_under_a_keyed_hash_of_the_identity() -> None:
    person = request().person
    hashing = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"inn hash").derive(NEW.encode())
    kept_under = Sealer([NEW]).id(person)
    assert kept_under[NAME_BYTES:] == hmac.new(hashing, person.identity, hashlib.sha256).digest()
    assert kept_under != Sealer([OLD]).id(person)
    assert kept_under != Sealer([NEW]).id(request(2).person)


def test_the_newest_key_writes_and_all_read() -> None:
    old, both, new = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([NEW])
    person = request().person
    assert both.ids(person) == [new.id(person), old.id(person)]
    assert both.id(person) == new.id(person)
    assert both.id(person).startswith(both.names[0])
    assert both.open(old.seal(PLAIN, b"place"), b"place") == PLAIN
    assert new.open(both.seal(PLAIN, b"place"), b"place") == PLAIN


def test_what_was_sealed_under_a_key_that_is_gone_is_told_from_damage() -> None:
    assert Sealer([NEW]).open(Sealer([OLD]).seal(PLAIN, b"place"), b"place") is None


def test_what_was_sealed_opens_in_its_place_only() -> None:
    sealer = Sealer([NEW])
    with pytest.raises(Tampered):
        sealer.open(sealer.seal(PLAIN, b"place"), b"another place")


@pytest.mark.parametrize("at", [NAME_BYTES, NAME_BYTES + 12, -1], ids=["in the nonce", "in the text", "in the tag"])
def test_one_changed_byte_is_noticed(at: int) -> None:
    sealer = Sealer([NEW])
    sealed = bytearray(sealer.seal(PLAIN, b"place"))
    sealed[at] ^= 1
    with pytest.raises(Tampered):
        sealer.open(bytes(sealed), b"place")


@pytest.mark.parametrize("length", [4, 10, 20], ids=["a key's name", "half a nonce", "without a tag"])
def test_what_is_cut_short_is_noticed(length: int) -> None:
    sealer = Sealer([NEW])
    with pytest.raises(Tampered):
        sealer.open(sealer.seal(PLAIN, b"place")[:length], b"place")


def test_nothing_is_sealed_alike_twice_and_nothing_shows() -> None:
    sealer = Sealer([NEW])
    first, second = (sealer.seal(PLAIN, b"place") for _ in range(2))
    assert first != second
    assert PLAIN not in first
    assert "hashing" not in repr(vars(sealer))
