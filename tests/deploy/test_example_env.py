"""`.env.example` holds every setting, explained, with values that start both processes."""

from collections.abc import Iterator
from itertools import groupby, pairwise

from dotenv import dotenv_values

from adapters.config.settings import ALL_GROUPS, names_of
from tests.deploy.tools import ROOT

EXAMPLE = ROOT / ".env.example"
COMPOSE_VARIABLES = {
    *("BUILDX_NO_DEFAULT_ATTESTATIONS", "COMPOSE_PROFILES", "INN_IMAGE", "LOGS_MAX_FILES", "LOGS_MAX_SIZE"),
    *("MEMORY_INN", "MEMORY_MONGO", "MEMORY_RABBITMQ", "MONGO_ROOT_PASS", "MONGO_ROOT_USER"),
    *("PUBLISH_EMULATOR", "PUBLISH_ON", "PUBLISH_PLAYGROUND", "PUBLISH_RABBITMQ", "PUBLISH_RABBITMQ_PAGE"),
}
"""Read by docker compose alone."""
SETTINGS = [name for group in ALL_GROUPS for name in names_of(group).values()]


def _blocks() -> Iterator[list[str]]:
    lines = EXAMPLE.read_text().splitlines()
    return (list(block) for full, block in groupby(lines, key=bool) if full)


def test_it_holds_every_setting_once_and_no_other() -> None:
    names = [line.split("=")[0] for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    assert sorted(names) == sorted({*SETTINGS, *COMPOSE_VARIABLES})


def test_every_block_of_settings_begins_with_a_comment_or_follows_a_heading() -> None:
    unexplained = [block for before, block in pairwise(_blocks()) if block[0][0] != "#" and before[0][:5] != "# ---"]
    assert not unexplained


def test_a_value_is_the_default_where_there_is_one() -> None:
    # What compose's own servers are called.
    named = {f"{server}_{part}" for server in ("MONGO", "RABBITMQ") for part in ("HOST", "USER", "PASS", "RS")}
    fields = {of: group.model_fields[field] for group in ALL_GROUPS for field, of in names_of(group).items()}
    defaults = {of: str(field.default).lower() for of, field in fields.items() if not field.is_required()}
    explained = {of: value.lower() for of, value in dotenv_values(EXAMPLE).items() if value and of not in named}
    assert explained.items() & defaults.items() == {of: explained[of] for of in explained.keys() & defaults}.items()
