"""`inn forget`: erases one person's data, or all data under old keys."""

import json
import sys
from contextlib import suppress
from datetime import date
from typing import Annotated

import typer

from adapters.cli.errors import DONE, Failure, WrongUse
from adapters.cli.person import STDIN, names_person, read_options, read_request
from adapters.cli.stdout import Unwritable
from adapters.composition.mongodb import open_store
from adapters.config.settings import AppSettings, HistorySettings, MongoSettings, load_groups
from adapters.mongodb import MongoStore, StoredCounts
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
_NOTHING = StoredCounts(0, 0)
_NO_TERMINAL = "nobody can be asked here whether it is meant, and nothing was erased: say --yes"
_UNKNOWN_KEYS = (
    "{0.answers} answers and {0.history} rows of history are kept under keys that are not in APP_SECRET_KEYS, and may be"
    " of this person: put those keys behind the first and forget the person again, or erase what they keep:"
    " inn forget --old-keys"
)


@names_person(without=("birthPlace", "documentDate", "requestId"))
def forget(
    source: str,
    options: dict[str, str],
    *,
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
    if under_old_keys and (source or options):
        raise WrongUse("--old-keys erases of everybody: name no person beside it")
    person = None if under_old_keys else _person(source, options)
    unknown: StoredCounts | None = None
    with open_store(*load_groups((AppSettings, MongoSettings, HistorySettings))) as store:
        if not yes:
            _confirm(store, person, source)
        erasure = store.forget_old_keys() if person is None else store.forget(person)
        with suppress(Unavailable):
            # Counting much data may time out, and must not prevent erasing.
            unknown = _NOTHING if person is None else store.count_under_unknown_keys()
    if erasure.answers or erasure.history:
        text = f"erased: answers {erasure.answers}, rows of history {erasure.history}; record {erasure.record_id}"
    else:
        what = "under other keys than the newest" if person is None else "of this person"
        text = f"nothing was {'kept' if unknown == _NOTHING else 'found'} {what}; record {erasure.record_id}"
    if unknown is None:
        raise Failure(f"{text}; what is kept under keys that are not in APP_SECRET_KEYS was not counted")
    fields = {"recordId": erasure.record_id, "answers": erasure.answers, "history": erasure.history}
    try:
        typer.echo(json.dumps({**fields, "unknownKeys": unknown._asdict()}) if as_json else text)
    except Unwritable as error:
        # The error must say whether anything was erased.
        raise Failure(f"{error}; {text}") from None
    if unknown != _NOTHING:
        raise Failure(_UNKNOWN_KEYS.format(unknown))
    return DONE


def _confirm(store: MongoStore, person: Person | None, source: str) -> None:
    """Return if the terminal's user confirms. Raises typer.Abort, or WrongUse where nobody can be asked."""
    question, no_terminal = "Erase all that is kept of this person?", _NO_TERMINAL
    if person is None:
        # Counting takes long: only for the confirmation.
        old = store.count_under_old_keys()
        if old == _NOTHING:
            return
        much = f"{old.answers} answers and {old.history} rows of history that are kept under other keys than the newest"
        question, no_terminal = f"Erase {much}, whomever they are about?", f"say --yes to erase {much}"
    # With '-' the confirmation would be read from the same input as the person.
    if source == STDIN or not _at_terminal():
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
