"""Every command that the documents and the helps show is run, but for those that say why not."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from adapters.config.settings import ALL_GROUPS, names_of
from tests.deploy.manifests import compose, of_kind, rendered
from tests.docs.shown import DEPLOYING, PAGES, ROOT, Block, bare, blocks, examples, in_sentences, names
from tests.docs.stage import LONG, SOURCE, Ran, Stage, masked, staged
from tests.servers.mongod import Mongo
from tests.servers.programs import JAVA, PHP
from tests.servers.rabbitmq import Node

NOT_HERE = {
    "docker compose up": "needs a container engine; the file is held against its schema, CI builds the image",
    "docker build": "needs a container engine; CI builds the image, and `make image-test` runs it",
    "docker compose down": "the same",
    "docker compose logs": "the same",
    "docker compose --profile": "the same",
    "docker compose stop": "the same",
    "docker compose start": "the same",
    "aws secretsmanager": "needs an account",
    "aws cloudformation": "needs an account; the template is checked in tests/deploy",
    "yc ": "needs an account",
    "mongodump": "MongoDB's own tools are not here",
    "mongorestore": "the same",
    "apt-get": "needs root and the internet",
    "python -m bench": "measures for minutes; what it is made of is tested in tests/bench",
    "inn COMMAND": "stands for any command; tests/adapters/cli look at the help of each",
    "inn КОМАНДА": "the same in Russian",
    "inn --install-completion": "changes the shell's own files; tests/adapters/cli see that it completes",
}
MAKE = {
    "run": "run below",
    "help": "run below",
    "test": "it is what runs this",
    "lint": "CI runs it beside the tests (.ci/run)",
    "format": "would change the files; what it asks for is a part of lint",
    "bench": "measures for minutes; what it is made of is tested in tests/bench",
    "soak": "takes minutes; a short one is tests/bench/test_soak.py",
    "audit": "needs a database on the internet; CI runs it",
    "licenses": "makes an environment of what ships; CI runs it",
    "sbom": "makes an environment of what ships; CI runs it",
    "fresh-test": "needs root and debootstrap; CI runs it (.ci/run)",
    "rabbitmq4-test": "runs the tests on a broker once more; CI runs it (.ci/run)",
    "image-test": "needs root and podman",
    "clean": "would delete the environment that runs this",
}
"""Who runs each."""

INN = "770000000082"
TYPED = {
    "inn forget": "Иванова\nАнна\nПетровна\n15.07.1990\n\n45 11 123456\ny\n",
    "inn forget --old-keys": "y\n",
}
"""What somebody answers at a terminal."""

# The Russian README shows the same commands, as test_pages.py sees to.
TRIED = sorted(
    (page for page in PAGES if blocks(page) and page.name != "README.ru.md"),
    # It shows what comes out where nothing was asked before.
    key=lambda page: page.name != "commands.md",
)
SENTENCES = sorted({command for page in PAGES for command in in_sentences(page)})
WORDS = [words for page in PAGES for block in blocks(page) for words in block.commands()]
IN_A_CONTAINER = re.compile(
    r"(?:docker compose exec \S+|kubectl -n inn exec \S+ --) (?=inn )|docker compose run .* (?=doctor)"
)


def inside(command: str) -> str:
    """A command without the container that it runs in, which tests/docs/stage.py leaves out as well."""
    called = IN_A_CONTAINER.sub("", command)
    return f"inn {called}" if called == "doctor" else called


def why_not(command: str) -> list[str]:
    return [begin for begin in NOT_HERE if bare(command).startswith(begin)]


WITH_ARGUMENTS = [
    command
    for command in SENTENCES
    if tuple(bare(inside(command)).split()) not in names()
    and bare(command).split()[0] not in ("make", "python")
    and not why_not(command)
]
ALONE = [
    command
    for called, command in {inside(command): command for command in (*WITH_ARGUMENTS, *examples())}.items()
    if shlex.split(called) not in WORDS
]
"""Those that no page shows in a block as well, and each once."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, mongo: Mongo, node: Node) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("checkout"), mongo, node) as made:
        yield made


@pytest.mark.parametrize("page", TRIED, ids=lambda page: page.name)
def test_the_commands_of_a_page_work_one_after_the_other(stage: Stage, page: Path) -> None:
    for block in blocks(page):
        tried(stage, block)


def tried(stage: Stage, block: Block) -> None:
    if block.script == "make run\n":
        assert stage.local.get("/readyz").status == 200
    elif LONG.search(block.script):
        assert stage.serves(block.script) == 0, block.script
    else:
        ran = stage.run(block.script)
        assert ran.status == 0, f"{block.script}\n{ran.shown}"
        if block.shown is not None:
            assert masked(ran.shown) == masked(block.shown)
        else:
            # They ask for one and the same person, and curl ends well whatever the answer is.
            assert ran.shown.count(INN) == len(re.findall("curl |inn lookup ", block.script)), ran.shown


@pytest.fixture(scope="module")
def alone(stage: Stage) -> dict[str, Ran]:
    """How each command ended that stands for itself. They run side by side, for most of a start is waiting."""
    with ThreadPoolExecutor(3) as threads:
        return dict(zip(ALONE, threads.map(partial(ended, stage), ALONE), strict=True))


def ended(stage: Stage, command: str) -> Ran:
    if LONG.search(command):
        return Ran(stage.serves(command), "")
    return stage.answers(command, TYPED[command]) if command in TYPED else stage.run(command)


@pytest.mark.parametrize("command", ALONE)
def test_an_example_of_a_help_and_a_command_within_a_sentence_work(alone: dict[str, Ran], command: str) -> None:
    assert alone[command].status == 0, alone[command].shown


def test_make_help_lists_every_target_that_a_page_names(stage: Stage) -> None:
    listed = set(re.findall(r"^  make (\S+)", stage.run("make help").shown, re.MULTILINE))
    assert set(MAKE) <= listed


@pytest.mark.parametrize("target", MAKE)
def test_a_target_is_one_that_make_can_make(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_who_runs_a_target_is_said_of_all_that_the_pages_name_and_of_no_other() -> None:
    named = {bare(command).split()[1] for command in SENTENCES if bare(command).startswith("make ")}
    assert named | {words[1] for words in WORDS if words[0] == "make"} == set(MAKE)


def test_what_is_not_run_here_has_one_reason_and_no_reason_is_left_over() -> None:
    shown = {*SENTENCES, *(" ".join(words) for words in WORDS)}
    reasons = {command: why_not(command) for command in shown}
    of_others = {command for command in shown if re.match("docker |aws |yc |mongo|apt-get |python ", bare(command))}
    inside = {command for command in of_others if re.match("docker compose (exec|run) ", command)}
    assert {command: reasons[command] for command in of_others - inside if len(reasons[command]) != 1} == {}
    assert {begin for begins in reasons.values() for begin in begins} == set(NOT_HERE)


def test_what_is_run_in_a_container_names_one_that_there_is() -> None:
    shown = [*SENTENCES, *(" ".join(words) for words in WORDS)]
    inside = re.compile(r"docker compose (?:exec|run) (?:-\S+ )*(\S+)|kubectl -n inn (?:exec|logs) (deploy/\S+)")
    named = {match[1] or match[2] for command in shown if (match := inside.match(command))}
    deployments = {f"deploy/{name}" for name in of_kind(rendered("both"), "Deployment")}
    assert named == {"consumer", "mongo", *deployments}
    assert named <= {*compose()["services"], *deployments}


def test_what_is_run_by_the_image_s_entry_point_is_a_command_of_inn() -> None:
    assert re.findall(r"^ENTRYPOINT (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ['["inn"]']
    assert "entrypoint" not in compose()["services"]["consumer"]


@pytest.mark.parametrize("module", sorted({match[1] for c in SENTENCES if (match := re.search(r"python -m (\S+)", c))}))
def test_a_module_that_a_page_calls_exists(module: str) -> None:
    assert find_spec(module) is not None


def test_the_secrets_of_the_page_hold_settings_and_the_chart_is_rendered_with_its_values(stage: Stage) -> None:
    scripts = [block.script for block in blocks(DEPLOYING)]
    secrets = [script for script in scripts if "create secret" in script]
    for secret in secrets:
        # Its namespace is made before, where it is not there.
        made = json.loads(stage.run(secret[secret.index("kubectl -n inn create secret") :]).shown)
        assert set(made["data"]) <= {name.upper() for group in ALL_GROUPS for name in names_of(group).values()}
    assert len(secrets) == 2


def example(language: str, containing: str) -> str:
    """The one block of docs/calling.md in this language with this text in it."""
    page = (ROOT / "docs" / "calling.md").read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in found if containing in block)
    return str(block)


def test_the_examples_for_callers_print_the_answer(stage: Stage) -> None:
    for file, language, containing, call, shown in (
        ("lookup.py", "python", "import urllib3", "python", ""),
        ("lookup.py", "python", "import pika", "python", ""),
        ("lookup.php", "php", "curl_init", str(PHP.path()), "200 "),
    ):
        code = example(language, containing).replace('routing_key="inn"', f'routing_key="{SOURCE}"')
        (stage.folder / file).write_text(stage.localized(code))
        ran = stage.run(f"{call} {file}")
        assert (ran.status, ran.shown) == (0, f"{shown}found {INN} \n")


def test_the_java_example_for_callers_prints_the_answer(stage: Stage) -> None:
    """The JDK's client offers HTTP/2, of which the service takes no notice."""
    (stage.folder / "Lookup.java").write_text(stage.localized(example("java", "class Lookup")))
    ran = stage.run(f"{JAVA.path()} -Dfile.encoding=UTF-8 Lookup.java")
    assert ran.status == 0, ran.shown
    assert ran.shown.startswith("200 ")
    assert INN in ran.shown
