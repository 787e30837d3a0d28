"""Tables of invented people, and a batch that is broken off."""

import csv
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import openpyxl

from local_runtime.emulator.control_client import EmulatorControl

INN = Path(sys.executable).with_name("inn")
HEADING = ["Фамилия", "Имя", "Отчество", "Дата рождения", "Серия паспорта", "Номер паспорта"]
_LAST = ["Иванов", "Петров", "Сидоров", "Кузнецов", "Смирнов", "Попов", "Васильев", "Соколов", "Михайлов", "Новиков"]
_FIRST = ["Иван", "Пётр", "Сергей", "Алексей", "Дмитрий", "Андрей", "Максим", "Никита"]
_MIDDLE = ["Иванович", "Петрович", "Сергеевич", "Алексеевич", "Дмитриевич", "Андреевич"]
WINDOW = 20  # rows that a process asks for at a time
_WAIT_SEC = 60


def people(count: int, seed: int) -> list[list[str]]:
    """So many rows, no two of them the same person, and none in two tables of different seeds."""
    dice = random.Random(seed)
    return [
        [
            dice.choice(_LAST),
            dice.choice(_FIRST),
            dice.choice(_MIDDLE),
            f"{dice.randint(1, 28):02}.{dice.randint(1, 12):02}.{dice.randint(1950, 2000)}",
            f"{4500 + seed}",
            f"{100000 + number}",
        ]
        for number in range(count)
    ]


def write(path: Path, rows: Sequence[Sequence[str]], heading: Sequence[str] = HEADING, **how: str) -> Path:
    """A CSV file; `how`: encoding, delimiter."""
    with path.open("w", encoding=how.get("encoding", "utf-8"), newline="") as file:
        csv.writer(file, delimiter=how.get("delimiter", ";")).writerows([heading, *rows])
    return path


def workbook(path: Path, rows: Sequence[Sequence[object]], **sheets: tuple[str, Sequence[Sequence[object]]]) -> Path:
    """A workbook of these rows; `sheets`: further ones by title, each with its state."""
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    for title, (state, more) in sheets.items():
        sheet = book.create_sheet(title)
        sheet.sheet_state = state
        for row in more:
            sheet.append(list(row))
    book.save(path)
    return path


def read(path: Path, encoding: str = "utf-8-sig", delimiter: str = ";") -> list[list[Any]]:
    """What stands in a CSV file, or in a workbook."""
    if path.suffix == ".xlsx":
        with closing(openpyxl.load_workbook(path, read_only=True)) as book:
            return [[*row] for row in book.worksheets[0].iter_rows(values_only=True)]
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


class Run:
    """`inn batch` as a process of its own."""

    def __init__(self, source: Path, out: Path, *options: str) -> None:
        command: list[str | Path] = [INN, "batch", source, "-o", out, "--window", str(WINDOW), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_for(self, rows: int, tax_service: EmulatorControl) -> None:
        """Until so many rows have their answers, of persons that the tax service has not met before.

        At most WINDOW rows are asked for at a time.
        """
        deadline = time.monotonic() + _WAIT_SEC
        while len(tax_service.stats().persons) < rows + WINDOW:
            assert self.process.poll() is None, "it ended before it was broken off"
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def break_off(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; returns as `end` does."""
        self.process.send_signal(number)
        return self.end()

    def break_off_again_and_again(self) -> tuple[int, str]:
        """Send SIGTERM and Ctrl-C at once, then Ctrl-C until it has ended; returns as `end` does."""
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            self.process.send_signal(number)
        while self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.002)
        return self.end()

    def end(self) -> tuple[int, str]:
        """The exit status, and what it said to standard error."""
        self.said, err = self.process.communicate(timeout=_WAIT_SEC * 10)
        return self.process.returncode, err
