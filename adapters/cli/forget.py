"""`inn forget`: erases one person's data, or all data under old keys."""

import json
import sys
from datetime import date
from typing import Annotated

import typer

from adapters.cli import person
from adapters.cli.errors import DONE, Failure, Unwritable, WrongUse
from adapters.cli.person import STDIN, read_options, read_request
from adapters.cli.store import store_from_settings
from adapters.mongodb import StoredCounts
from function.history import Erasure
from function.outcomes import Rejected
from function.person import Person
from function.ports import Unavailable
from function.request import parse

_QUESTIONS = {
    "lastName": ("Фамилия (last name)", None),
    "firstName": ("Имя (first name)", None),
    "middleName": ("Отчество (middle name), empty for none", ""),
    "birthDate": ("Date of birth, dd.mm.yyyy", None),
    "documentType": ("Type of the document", "21"),
    "document": ("Series and number of the document", None),
}
"""Prompts by field, each with its default; None: an answer is required."""
_NO_TERMINAL = "nobody can be asked here whether it is meant, and nothing was erased: say --yes"
_OF_PERSON = "of this person"
_NOTHING = StoredCounts(0, 0)
_UNKNOWN_KEYS = (
    "{0.answers} answers and {0.history} rows of history are kept under keys that are not in APP_SECRET_KEYS, and may be"
    " of this person: put those keys behind the first and forget the person again, or erase what they keep:"
    " inn forget --old-keys"
)


def forget(
    source: person.Source = "",
    *,
    last_name: person.LastName = "",
    first_name: person.FirstName = "",
    middle_name: person.MiddleName = "",
    birth_date: person.BirthDate = "",
    document_type: person.DocumentType = "",
    document_serial: person.DocumentSerial = "",
    document_number: person.DocumentNumber = "",
    document: person.Document = "",
    under_old_keys: Annotated[
        bool,
        typer.Option("--old-keys", help="Erase of everybody, instead, what is kept under other keys than the newest."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> int:
    """Erase the answer and the history of one person, and keep a record of it without personal data.

    The person is asked for where neither FILE nor an option names one. What stands in options is seen
    in the list of processes and in the shell's history; questions, FILE and '-' keep it out of both.

    Data under a key that is not in APP_SECRET_KEYS cannot be matched to a person. If there is any, its amount
    is printed and the exit status is 1.

    Whether it is meant is asked at a terminal. Where there is none, and with '-', --yes must say it.

    A process of the service that has just answered for the person may do so from its memory for one
    minute more; nothing of that is ever written.

    --old-keys is for a key that has leaked: what is kept under every key of APP_SECRET_KEYS but the first
    goes, and what is under keys that are not there any more. Restart the processes with a new key first.

    Examples:
      inn forget
      inn forget --old-keys
      inn forget - --yes --json < person.json
    """
    options = read_options(
        {
            "lastName": last_name,
            "firstName": first_name,
            "middleName": middle_name,
            "birthDate": birth_date,
            "documentType": document_type,
            "documentSerial": document_serial,
            "documentNumber": document_number,
            "document": document,
        }
    )
    if under_old_keys and (source or options):
        raise WrongUse("--old-keys erases of everybody: name no person beside it")
    if under_old_keys:
        erasure, unknown, what = _erase_old_keys(yes=yes), _NOTHING, "under other keys than the newest"
    else:
        erasure, unknown = _erase(_person(source, options), source, yes=yes)
        what = _OF_PERSON
    text = _as_text(erasure, unknown, what)
    fields = {"recordId": erasure.record_id, "answers": erasure.answers, "history": erasure.history}
    try:
        typer.echo(json.dumps({**fields, "unknownKeys": unknown._asdict()}) if as_json else text)
    except Unwritable as error:
        # The error must say whether anything was erased.
        raise Failure(f"{error}; {text}") from None
    if unknown != _NOTHING:
        raise Failure(_UNKNOWN_KEYS.format(unknown))
    return DONE


def _erase(person: Person, source: str, *, yes: bool) -> tuple[Erasure, StoredCounts]:
    """Erase a person, once it is confirmed; returns also the amount of data under unknown keys."""
    if not yes:
        if source == STDIN:
            # The confirmation would be read from the same input.
            raise WrongUse(_NO_TERMINAL)
        _confirm("Erase all that is kept of this person?", _NO_TERMINAL)
    with store_from_settings() as store:
        erasure = store.forget(person)
        try:
            return erasure, store.count_under_unknown_keys()
        except Unavailable:
            # Counting much data may time out, and must not prevent erasing.
            text = _as_text(erasure, None, _OF_PERSON)
            raise Failure(f"{text}; what is kept under keys that are not in APP_SECRET_KEYS was not counted") from None


def _erase_old_keys(*, yes: bool) -> Erasure:
    """Erase the data under all keys but the newest, once it is confirmed."""
    with store_from_settings() as store:
        # Counting takes long: only for the confirmation.
        if not yes and (old := store.count_under_old_keys()) != _NOTHING:
            much = f"{old.answers} answers and {old.history} rows of history that are kept under other keys than the newest"
            _confirm(f"Erase {much}, whomever they are about?", f"say --yes to erase {much}")
        return store.forget_old_keys()


def _confirm(question: str, no_terminal: str) -> None:
    """Return if the terminal's user confirms. Raises typer.Abort, or WrongUse(no_terminal) without a terminal."""
    if not _at_terminal():
        raise WrongUse(no_terminal)
    typer.confirm(question, err=True, abort=True)


def _at_terminal() -> bool:
    # A process that was started with its standard input closed has none.
    return sys.stdin is not None and sys.stdin.isatty()


def _person(source: str, options: dict[str, str]) -> Person:
    if not source and not options:
        if not _at_terminal():
            raise WrongUse("whom to forget? Give options, or a request as JSON: inn forget - < person.json")
        answers = {name: typer.prompt(text, default, err=True) for name, (text, default) in _QUESTIONS.items()}
        options = read_options(answers)
    # Any birth date is accepted.
    parsed = parse({**read_request(source, options), "requestId": "forget"}, date.max)
    if isinstance(parsed, Rejected):
        raise WrongUse(f"this is no person to forget: {'; '.join(map(str, parsed.errors))}")
    return parsed.person


def _as_text(erasure: Erasure, unknown: StoredCounts | None, what: str) -> str:
    if not erasure.answers and not erasure.history:
        return f"nothing was {'kept' if unknown == _NOTHING else 'found'} {what}; record {erasure.record_id}"
    return f"erased: answers {erasure.answers}, rows of history {erasure.history}; record {erasure.record_id}"
