"""Every command that the documents and the helps show is run, but for those that say why not."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from adapters.config.settings import ALL_GROUPS, names_of
from tests.deploy.manifests import compose, of_kind, rendered
from tests.docs.shown import DEPLOYING, PAGES, ROOT, bare, blocks, examples, helps, in_sentences
from tests.docs.stage import SOURCE, Stage, staged
from tests.servers.mongod import Mongo
from tests.servers.programs import JAVA, PHP, Program
from tests.servers.rabbitmq import Node

NOT_HERE = {
    "docker build": "needs a container engine; CI builds the image, and `make image-test` runs it",
    "docker compose": "the same, but for `exec` and `run`; the file is held against its schema",
    "aws ": "needs an account; the template is checked in tests/deploy",
    "yc ": "needs an account",
    "mongodump": "MongoDB's own tools are not here",
    "mongorestore": "the same",
    "apt-get": "needs root and the internet",
    "python -m bench": "measures for minutes; what it is made of is tested in tests/bench",
    "inn COMMAND": "stands for any command; tests/adapters/cli look at the help of each",
    "inn КОМАНДА": "the same in Russian",
    "inn --install-completion": "changes the shell's own files; tests/adapters/cli see that it completes",
    "make test": "it is what runs this",
    "make lint": "CI runs it beside the tests (.ci/run)",
    "make format": "would change the files; what it asks for is a part of lint",
    "make bench": "measures for minutes; what it is made of is tested in tests/bench",
    "make soak": "takes minutes; a short one is tests/bench/test_soak.py",
    "make audit": "needs a database on the internet; CI runs it",
    "make licenses": "makes an environment of what ships; CI runs it",
    "make sbom": "makes an environment of what ships; CI runs it",
    "make fresh-test": "needs root and debootstrap; CI runs it (.ci/run)",
    "make rabbitmq4-test": "runs the tests on a broker once more; CI runs it (.ci/run)",
    "make image-test": "needs root and podman",
    "make clean": "would delete the environment that runs this",
}
INN = "770000000082"
TYPED = {"inn forget": "Иванова\nАнна\nПетровна\n15.07.1990\n\n45 11 123456\ny\n", "inn forget --old-keys": "y\n"}
"""What somebody answers at a terminal."""

VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d", "LOCAL TIME"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", "TIME"),
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r'"elapsedTime":[\d.e-]+', '"elapsedTime":SECONDS'),
    (r"\d+\.\d+ s\b", "SECONDS"),
    (r"\d+ a second", "RATE"),
    (r"database \w+", "database NAME"),
    (r" +$", ""),
)

# The Russian README shows the same commands, as test_pages.py sees to.
TRIED = sorted(
    (page for page in PAGES if blocks(page) and page.name != "README.ru.md"),
    # It shows what comes out where nothing was asked before.
    key=lambda page: page.name != "commands.md",
)
SENTENCES = sorted({command for page in PAGES for command in in_sentences(page)})
WORDS = [words for page in PAGES for block in blocks(page) for words in block.commands()]
SHOWN = {*SENTENCES, *map(" ".join, WORDS)}
IN_A_CONTAINER = re.compile(
    r"(?:docker compose exec \S+|kubectl -n inn exec \S+ --) (?=inn )|docker compose run .* (?=doctor)"
)


def inside(command: str) -> str:
    """A command without the container that it runs in, which tests/docs/stage.py leaves out as well."""
    called = IN_A_CONTAINER.sub("", command)
    return f"inn {called}" if called == "doctor" else called


def why_not(command: str) -> list[str]:
    if re.match("docker compose (exec|run) ", bare(command)):
        return []
    return [begin for begin in NOT_HERE if bare(command).startswith(begin)]


ALONE = [
    command
    for called, command in {
        **{inside(command): command for command in SENTENCES if inside(command) not in helps()},
        **{command: command for command in examples()},
    }.items()
    if not why_not(command) and shlex.split(called) not in WORDS
]
"""Those that are more than a command's name in a sentence, and that no page shows in a block as well; each once."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, mongo: Mongo, node: Node) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("checkout"), mongo, node) as made:
        yield made


@pytest.mark.parametrize("page", TRIED, ids=lambda page: page.name)
def test_the_commands_of_a_page_work_one_after_the_other(stage: Stage, page: Path) -> None:
    for block in blocks(page):
        if block.script == "make run\n":
            assert stage.local.get("/readyz").status == 200  # so the stage was set
            continue
        status, shown = stage.run(block.script)
        assert status == 0, f"{block.script}\n{shown}"
        if block.shown is not None:
            assert masked(shown) == masked(block.shown)
        else:
            # They ask for one and the same person, and curl ends well whatever the answer is.
            assert shown.count(INN) == len(re.findall("curl |inn lookup ", block.script)), shown


def masked(shown: str) -> str:
    """What comes out, without what differs from run to run."""
    for varying, name in VARYING:
        shown = re.sub(varying, name, shown, flags=re.MULTILINE)
    return shown


@pytest.fixture(scope="module")
def alone(stage: Stage) -> dict[str, tuple[int, str]]:
    """How each command ended that stands for itself. They run side by side, for most of a start is waiting."""
    with ThreadPoolExecutor(3) as threads:
        return dict(zip(ALONE, threads.map(lambda each: stage.run(each, TYPED.get(each, "")), ALONE), strict=True))


@pytest.mark.parametrize("command", ALONE)
def test_an_example_of_a_help_and_a_command_within_a_sentence_work(
    alone: dict[str, tuple[int, str]], command: str
) -> None:
    status, shown = alone[command]
    assert status == 0, shown


def test_what_is_not_run_here_has_one_reason_and_no_reason_is_left_over() -> None:
    reasons = {command: why_not(command) for command in SHOWN}
    of_others = {
        command for command in SHOWN if re.match("docker |aws |yc |mongo|apt-get |python |make ", bare(command))
    }
    run = {command for command in of_others if re.match("docker compose (exec|run) |make (run|help)", command)}
    assert {command: reasons[command] for command in of_others - run if len(reasons[command]) != 1} == {}
    assert {begin for begins in reasons.values() for begin in begins} == set(NOT_HERE)


def test_what_is_not_run_here_names_targets_and_modules_that_there_are(stage: Stage) -> None:
    listed = set(re.findall(r"^  make (\S+)", stage.run("make help")[1], re.MULTILINE))
    assert {bare(command).split()[1] for command in SHOWN if bare(command).startswith("make ")} <= listed
    subprocess.run(["make", "--dry-run", *listed], cwd=ROOT, check=True, capture_output=True)
    modules = {match[1] for command in SHOWN if (match := re.search(r"python -m (\S+)", command))}
    assert [module for module in modules if find_spec(module) is None] == []


def test_what_is_run_in_a_container_names_one_that_there_is() -> None:
    inside = re.compile(r"docker compose (?:exec|run) (?:-\S+ )*(\S+)|kubectl -n inn (?:exec|logs) (deploy/\S+)")
    named = {match[1] or match[2] for command in SHOWN if (match := inside.match(command))}
    deployments = {f"deploy/{name}" for name in of_kind(rendered("both"), "Deployment")}
    assert named == {"consumer", "mongo", *deployments}
    assert named <= {*compose()["services"], *deployments}
    # The image's entry point, which `docker compose run` leaves out.
    assert re.findall(r"^ENTRYPOINT (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ['["inn"]']
    assert "entrypoint" not in compose()["services"]["consumer"]


def test_the_secrets_that_the_page_makes_hold_settings(stage: Stage) -> None:
    scripts = [block.script for block in blocks(DEPLOYING)]
    secrets = [script for script in scripts if "create secret" in script]
    for secret in secrets:
        # Its namespace is made before, where it is not there.
        made = json.loads(stage.run(secret[secret.index("kubectl -n inn create secret") :])[1])
        assert set(made["data"]) <= {name.upper() for group in ALL_GROUPS for name in names_of(group).values()}
    assert len(secrets) == 2


@pytest.mark.parametrize(
    ("file", "containing", "program", "shown"),
    [
        pytest.param("lookup.py", "import urllib3", None, f"found {INN} \n", id="python over HTTP"),
        pytest.param("lookup.py", "import pika", None, f"found {INN} \n", id="python over RabbitMQ"),
        pytest.param("lookup.php", "curl_init", PHP, f"200 found {INN} \n", id="php"),
        # The JDK's client offers HTTP/2, of which the service takes no notice.
        pytest.param("Lookup.java", "class Lookup", JAVA, f"200 .*{INN}.*", id="java"),
    ],
)
def test_an_example_for_callers_prints_the_answer(
    stage: Stage, file: str, containing: str, program: Program | None, shown: str
) -> None:
    examples = re.findall(
        r"^```(?:python|php|java)\n(.*?)^```", (ROOT / "docs/calling.md").read_text(), re.MULTILINE | re.DOTALL
    )
    [code] = [code for code in examples if containing in code]
    code = code.replace('routing_key="inn"', f'routing_key="{SOURCE}"')
    (stage.folder / file).write_text(stage.localized(code))
    call = program.path() if program else "python"
    status, printed = stage.run(f"{call} {'-Dfile.encoding=UTF-8' if program is JAVA else ''} {file}")
    assert status == 0, printed
    assert re.fullmatch(shown, printed, re.DOTALL)
