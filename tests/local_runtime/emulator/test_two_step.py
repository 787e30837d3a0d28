from typing import Any

from local_runtime.emulator.client import Emulator

NEW = "/inn-new-proc.json"


def test_a_named_person_is_found_in_two_steps(emulator: Emulator, ask: Any) -> None:
    person = emulator.people()[0]
    found = ask(NEW, {"c": "find", "captcha": "", "captchaToken": "", **person["form"]})
    assert found.json["captchaRequired"] is False
    result = ask(NEW, {"c": "get", "requestId": found.json["requestId"]})
    assert result.json == {"inn": "770000000082", "state": 1.0}
    assert emulator.stats().of(person["key"]) == 1
