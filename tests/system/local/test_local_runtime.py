import json
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import urllib3

from adapters.cli import run
from function import inn
from function.ports import LEASE_SEC, Claim
from function.request import LookupRequest, parse
from local_runtime.store import EmbeddedStore
from tests.doubles import FixedClock
from tests.servers.process import free_port, wait_for
from tests.servers.programs import on_path
from tests.system.local.conftest import QUICK, LocalRuntime, ended
from tests.system.personal import seen, values
from tests.system.process import BIN, ROOT, Process

PERSON = {
    "requestId": "r-1",
    "lastName": "Кузнецова",
    "firstName": "Дарья",
    "middleName": "Олеговна",
    "birthDate": "1991-11-30",
    "birthPlace": "деревня Малые Вязы",
    "documentSerial": "4611",
    "documentNumber": "735281",
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRuntime]:
    """One that nobody steers and that nothing is asked of."""
    with ended(LocalRuntime(tmp_path_factory.mktemp("plain"))) as runtime:
        yield runtime


def finds(runtime: LocalRuntime) -> int:
    return runtime.tax_service.stats().finds


def test_the_command_that_it_prints_works_when_pasted_and_the_second_answer_is_cached(
    start_local: Callable[..., LocalRuntime],
) -> None:
    on_path("curl")
    runtime = start_local()
    curl = re.search(r"^curl .*?'\\n'$", runtime.greeting, re.MULTILINE | re.DOTALL)
    assert curl is not None, runtime.greeting
    first, second = (json.loads(subprocess.check_output(["/bin/sh", "-c", curl[0]])) for _ in range(2))
    assert first["status"] == "found"
    assert inn.is_valid(first["inn"])
    assert (first["cached"], second["cached"]) == (False, True)
    assert second["inn"] == first["inn"]
    assert finds(runtime) == 1


def test_it_prints_the_readme_s_command_and_where_it_keeps_what_is_asked_and_how(plain: LocalRuntime) -> None:
    printed = plain.greeting[plain.greeting.index("curl") :].split("\n\n")[0]
    assert printed.replace(plain.url, "http://127.0.0.1:8080") in (ROOT / "README.md").read_text()
    kept = next(line for line in plain.greeting.splitlines() if ".inn-local" in line)
    assert "in clear text, so ask for invented persons only; make clean deletes it" in kept


@pytest.mark.parametrize(("method", "path", "status"), [("TRACE", "/", 405), ("GET", "/robots.txt", 404)])
def test_what_the_host_would_turn_away_itself_is_a_problem_too(
    plain: LocalRuntime, method: str, path: str, status: int
) -> None:
    response = urllib3.request(method, plain.url + path, retries=False)
    assert (response.status, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json()["detail"].startswith("expected POST")


def test_fifty_at_once_for_one_new_person_are_one_find(start_local: Callable[..., LocalRuntime]) -> None:
    runtime = start_local()
    runtime.tax_service.control(latency=0.2)
    with ThreadPoolExecutor(50) as clients:
        replies = list(clients.map(lambda n: runtime.ask({**PERSON, "requestId": f"r-{n}"}).json(), range(50)))
    assert [reply["requestId"] for reply in replies] == [f"r-{n}" for n in range(50)]
    assert len({reply["inn"] for reply in replies}) == 1
    assert finds(runtime) == 1


def test_ctrl_c_and_sigterm_end_it_all_with_status_0_and_answers_outlive_it(
    start_local: Callable[..., LocalRuntime],
) -> None:
    first = start_local()
    answer = first.ask(PERSON).json()
    assert first.end(signal.SIGINT) == 0
    assert seen(values(PERSON), [first.errors]) == []
    for url in (first.url, first.tax_service.url):
        with pytest.raises(urllib3.exceptions.NewConnectionError):
            urllib3.request("GET", url, retries=False)
    second = start_local()
    again = second.ask(PERSON).json()
    assert (again["inn"], again["cached"]) == (answer["inn"], True)
    assert second.end(signal.SIGTERM) == 0


def refusal(folder: Path, *arguments: str, **settings: str) -> str:
    """What `inn local` says, called so, before it ends without having started."""
    command = [str(BIN / "inn"), "local", *arguments]
    refused = subprocess.run(command, check=False, cwd=folder, env=settings, capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (2, "")
    return refused.stderr


def test_a_port_in_use_is_one_clear_line(plain: LocalRuntime, tmp_path: Path) -> None:
    port = plain.url.rpartition(":")[2]
    assert refusal(tmp_path, HTTP_PORT=port) == (
        f"inn: port {port} on 127.0.0.1 is in use: end what listens there, or set HTTP_PORT to another\n"
    )


def test_a_folder_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.touch()
    assert refusal(tmp_path, "--data", file.name, HTTP_PORT="0") == (
        "inn: nothing can be kept in README.md: it is not a folder; name a folder that this user may write to (--data)\n"
    )


def test_wrong_settings_are_named_all_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, HTTP_PORT="http", CACHE_FOUND_DAYS="-1", LOG_LEVEL="loud")
    named = [line.split(":")[0].strip() for line in said.splitlines()[1:]]
    assert named == ["HTTP_PORT", "LOG_LEVEL", "CACHE_FOUND_DAYS"]


def test_a_tax_service_that_does_not_start_is_no_fault_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HTTP_PORT", "0")
    monkeypatch.setattr("local_runtime.command.LATENCY_SEC", "soon")
    assert run(["local"]) == 1
    written = capfd.readouterr()
    assert written.out == ""
    assert written.err.endswith("\ninn: the emulated tax service did not start; it says why above\n")


def ask_in_vain(runtime: LocalRuntime) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError):
        runtime.ask(PERSON)


def claimable(folder: Path, time: datetime) -> bool:
    """Whether another worker would get the claim on the person at that time; this one lets go of it."""
    request = parse(PERSON, time.date())
    assert isinstance(request, LookupRequest)
    with closing(EmbeddedStore(folder / ".inn-local" / "answers.sqlite", clock=FixedClock(time))) as store:
        claim = store.find_or_claim(request.person)
        if isinstance(claim, Claim):
            store.release(claim)
        return claim is not None


def test_a_person_whose_fetcher_was_killed_can_be_asked_for_again_when_its_lease_has_ended(
    start_local: Callable[..., LocalRuntime], tmp_path: Path
) -> None:
    killed = start_local(APP_LOOKUP_DEADLINE_SEC="1")
    killed.tax_service.control(latency=60)
    lost = threading.Thread(target=ask_in_vain, args=(killed,))
    lost.start()
    wait_for(lambda: finds(killed), within=60, what="the find")
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    lost.join()
    now = datetime.now(UTC)
    assert not claimable(tmp_path, now)
    assert claimable(tmp_path, now + timedelta(seconds=LEASE_SEC))
    runtime = start_local()
    answer = runtime.ask(PERSON)
    assert (answer.status, answer.json()["status"]) == (200, "found")
    assert finds(runtime) == 1


def test_where_tokens_are_set_the_command_asks_for_one(start_local: Callable[..., LocalRuntime]) -> None:
    runtime = start_local(HTTP_TOKENS="secret-token")
    assert 'authorization: Bearer $TOKEN"' in runtime.greeting
    assert "secret-token" not in runtime.greeting
    assert runtime.ask(PERSON).status == 401


def test_the_frameworks_own_command_serves_it_with_nothing_installed(tmp_path: Path) -> None:
    port = str(free_port())
    source = str(ROOT / "local_runtime" / "entry.py")
    command = ["functions-framework", "--source", source, "--target", "inn", "--host", "127.0.0.1", "--port", port]
    process = Process(command, tmp_path, {**QUICK, "HTTP_PORT": port})
    try:
        process.answers("/readyz", 200)
        answers = [process.pool.request("POST", process.url, json=PERSON).json() for _ in range(2)]
        assert [(inn.is_valid(answer["inn"]), answer["cached"]) for answer in answers] == [(True, False), (True, True)]
        assert (tmp_path / ".inn-local" / "answers.sqlite").exists()
    finally:
        process.end(signal.SIGTERM)
