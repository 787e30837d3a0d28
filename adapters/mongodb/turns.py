"""`pacing` as the server runs it: the same decisions in the same arithmetic, so that both agree to the last bit.

Times are seconds since the epoch, as in `pacing.Entry`. What a step found out stays in the document
until the next step: `now`, and of a turn `taken`, `slot` and `probe`.
"""

from dataclasses import fields
from typing import Any

from adapters.mongodb.connection import Document
from adapters.mongodb.steps import Expression, Step
from function import rate_limit as pacing
from function.rate_limit import MAX_COOLDOWN_SEC, MAX_DOUBLINGS, Entry, Pace, Shut, Turn, Why

SERVER_NOW = "$$NOW"
_EMPTY: Document = {field.name: field.default for field in fields(Entry)}
_NOW_SEC: Expression = {"$divide": [{"$toLong": SERVER_NOW}, 1000]}
REOPENED: Document = {"$expr": {"$gte": [_NOW_SEC, "$closed_until"]}}
"""What an entry must be for `pacing.cleared` to change it: its cool-down is over."""


def timed(now: Any = SERVER_NOW) -> Step:
    """The entry, complete, and the time."""
    complete = {name: {"$ifNull": [f"${name}", default]} for name, default in _EMPTY.items()}
    return [{"$set": {**complete, "now": {"$divide": [{"$toLong": now}, 1000]}}}]


def take(pace: Pace, patience: float, now: Any = SERVER_NOW) -> Step:
    """`pacing.decide`."""
    today = {"$dateToString": {"date": now, "format": "%Y-%m-%d", "timezone": "+03:00"}}
    found: Document = {
        "today": today,
        "slot": {"$max": ["$now", "$next_free"]},
        "probe": {"$gt": ["$level", 0]},
    }
    counted = {"$cond": [{"$eq": ["$day", "$today"]}, "$count", 0]}
    open_: list[Expression] = [
        {"$gte": ["$now", "$closed_until"]},
        {"$not": [{"$and": ["$probe", {"$lt": ["$now", "$probe_until"]}]}]},
        {"$lte": [{"$subtract": ["$slot", "$now"]}, patience]},
    ]
    if pace.daily_limit:
        open_.append({"$lt": [counted, pace.daily_limit]})
    taken: Document = {
        "next_free": {"$add": ["$slot", pace.min_interval]},
        "probe_until": {"$cond": ["$probe", {"$add": ["$slot", pace.probe_lease]}, 0]},
        "day": "$today",
        "count": {"$add": [counted, 1]},
    }
    return [
        *timed(now),
        {"$set": found},
        {"$set": {"taken": {"$and": open_}}},
        {"$set": {name: _if("$taken", value, f"${name}") for name, value in taken.items()}},
    ]


def cool(pace: Pace, at_least: float, now: Any = SERVER_NOW) -> Step:
    """`pacing.cooled`."""
    doubled = {"$multiply": [pace.cooldown, {"$pow": [2, {"$min": ["$level", MAX_DOUBLINGS]}]}]}
    grown = {"$min": [doubled, max(MAX_COOLDOWN_SEC, pace.cooldown)]}
    closed = {"$lt": ["$now", "$closed_until"]}
    longer = {"$max": ["$closed_until", {"$add": ["$now", at_least]}]}
    shutting = {"$gt": ["$seconds", 0]}
    return [
        *timed(now),
        {"$set": {"closed": closed, "seconds": {"$max": [grown, at_least]}}},
        {
            "$set": {
                "closed_until": _if("$closed", longer, _if(shutting, {"$add": ["$now", "$seconds"]}, "$closed_until")),
                "level": _if({"$and": [{"$not": ["$closed"]}, shutting]}, {"$add": ["$level", 1]}, "$level"),
                "probe_until": _if("$closed", "$probe_until", 0),
            }
        },
        {"$unset": ["closed", "seconds"]},
    ]


def told(document: Document, pace: Pace) -> Turn | Shut:
    """What the caller of a `take` gets."""
    entry, now = entry_of(document), now_of(document)
    if document["taken"]:
        return Turn(document["slot"] - now, document["probe"])
    return pacing.closed(entry, pace, now) or Shut(Why.PACED, entry.next_free - now)


def entry_of(document: Document) -> Entry:
    """The entry in a document."""
    return Entry(**{name: document[name] for name in _EMPTY})


def now_of(document: Document) -> float:
    """The server's time, in a document after a step."""
    return float(document["now"])


def _if(condition: Any, then: Any, otherwise: Any) -> Expression:
    return {"$cond": [condition, then, otherwise]}
