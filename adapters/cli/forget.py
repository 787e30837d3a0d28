"""`inn forget`: erases one person's data, or all data under old keys."""

import json
import sys
from collections.abc import Mapping
from datetime import date
from typing import Annotated

import typer

from adapters.cli.errors import Failure, Unwritable, WrongUse
from adapters.cli.person_options import STDIN, Source, names_person, read_request
from adapters.composition.mongodb import open_store
from adapters.config.settings import AppSettings, MongoSettings, load_groups
from adapters.mongodb import MongoStore, StoredCounts
from function.outcomes import Rejected
from function.person import Person
from function.ports import Unavailable
from function.request import parse

_QUESTIONS = {  # prompts by field, each with its default; None: an answer is required
    "last_name": ("Фамилия (last name)", None),
    "first_name": ("Имя (first name)", None),
    "middle_name": ("Отчество (middle name), empty for none", ""),
    "birth_date": ("Date of birth, dd.mm.yyyy", None),
    "document_type": ("Type of the document", "21"),
    "document": ("Series and number of the document", None),
}
_UNKNOWN_KEYS = (
    "{0.answers} answers and {0.history} rows of history are kept under keys that are not in APP_SECRET_KEYS, and may be"
    " of this person: put those keys behind the first and forget the person again, or erase what they keep:"
    " inn forget --old-keys"
)


@names_person(without=("birth_place", "document_date", "request_id"))
def forget(
    source: Source = "",
    *,
    under_old_keys: Annotated[
        bool,
        typer.Option("--old-keys", help="Erase of everybody, instead, what is kept under other keys than the newest."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    **given: str,
) -> None:
    """Erase the answer and the history of one person, and keep a record of it without personal data.

    The person is asked for where neither FILE nor an option names one. What stands in options is seen
    in the list of processes and in the shell's history; questions, FILE and '-' keep it out of both.

    Data under a key that is not in APP_SECRET_KEYS cannot be matched to a person. If there is any, its amount
    is printed and the exit status is 1.

    Whether it is meant is asked at a terminal. Where there is none, and with '-', --yes must say it.

    --old-keys is for a key that has leaked: what is kept under every key of APP_SECRET_KEYS but the first
    goes, and what is under keys that are not there any more. Restart the processes with a new key first.

    Examples:
      inn forget
      inn forget --old-keys
      inn forget - --yes --json < person.json
    """
    if under_old_keys and (source or any(given.values())):
        raise WrongUse("--old-keys erases of everybody: name no person beside it")
    person = None if under_old_keys else _person(source, given)
    with open_store(*load_groups((AppSettings, MongoSettings))) as store:
        if not yes:
            _confirm(store, person, source)
        answers, rows, record_id = store.forget_old_keys() if person is None else store.forget(person)
        text = f"erased: answers {answers}, rows of history {rows}; record {record_id}"
        try:
            unknown = StoredCounts(0, 0) if person is None else store.count_under_unknown_keys()
        except Unavailable:
            # Counting much data may time out.
            raise Failure(f"{text}; what is kept under keys that are not in APP_SECRET_KEYS was not counted") from None
    fields = {"recordId": record_id, "answers": answers, "history": rows, "unknownKeys": unknown._asdict()}
    try:
        typer.echo(json.dumps(fields) if as_json else text)
    except Unwritable as error:
        # The error must say whether anything was erased.
        raise Failure(f"{error}; {text}") from None
    if any(unknown):
        raise Failure(_UNKNOWN_KEYS.format(unknown))


def _confirm(store: MongoStore, person: Person | None, source: str) -> None:
    """Return if the terminal's user confirms. Raises typer.Abort, or WrongUse where nobody can be asked."""
    what = "all that is kept of this person"
    if person is None:
        old = store.count_under_old_keys()  # takes long: only for the confirmation
        what = f"{old.answers} answers and {old.history} rows of history that are kept under other keys than the newest"
    # With '-' the confirmation would be read from the same input as the person.
    if source == STDIN or not _at_terminal():
        raise WrongUse(f"nobody can be asked here whether to erase {what}, and nothing was erased: say --yes")
    typer.confirm(f"Erase {what}?", err=True, abort=True)


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()  # None: it was closed before the start


def _person(source: str, given: Mapping[str, str]) -> Person:
    if not source and not any(given.values()):
        if not _at_terminal():
            raise WrongUse("whom to forget? Give options, or a request as JSON: inn forget - < person.json")
        given = {name: typer.prompt(text, default, err=True) for name, (text, default) in _QUESTIONS.items()}
    # Any birth date is accepted.
    parsed = parse({**read_request(source, given), "requestId": "forget"}, date.max)
    if isinstance(parsed, Rejected):
        raise WrongUse(f"this is no person to forget: {'; '.join(map(str, parsed.errors))}")
    return parsed.person
