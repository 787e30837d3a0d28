"""Named people, each with an ending that is known beforehand: for the documentation, the playground and tests.

All of them are invented. `GET /people` shows them, in the forms of both the service's contract and the tax service.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from local_runtime.emulator.register import Ending, Entry, entry_of, key_of


@dataclass(frozen=True, slots=True)
class Named:
    """One invented person. `inn` "": the one that the register's rule gives, where there is one."""

    id: str
    about: str
    ending: Ending
    fam: str
    nam: str
    otch: str
    bdate: str
    docno: str
    docdt: str = ""
    doctype: str = "21"
    inn: str = ""
    pending: int = 0
    """How many polls come before the answer, at least."""

    @property
    def form(self) -> dict[str, str]:
        """The tax service's fields."""
        patronymic = {"otch": self.otch} if self.otch else {"opt_otch": "1"}
        names = {"fam": self.fam, "nam": self.nam, **patronymic}
        document = {"doctype": self.doctype, "docno": self.docno, "docdt": self.docdt}
        return {**names, "bdate": self.bdate, **document}

    @property
    def request(self) -> dict[str, str]:
        """The fields of a lookup's request, without its id."""
        series, _, number = self.docno.rpartition(" ")
        return {
            "lastName": self.fam,
            "firstName": self.nam,
            "middleName": self.otch,
            "birthDate": _iso(self.bdate),
            "documentType": self.doctype,
            "documentSerial": series.replace(" ", ""),
            "documentNumber": number,
            "documentDate": _iso(self.docdt),
        }

    @property
    def entry(self) -> Entry:
        """What the register says."""
        ruled = entry_of(self.form)
        return Entry(ruled.key, self.ending, self.inn or ruled.inn, self.pending)


PEOPLE = (
    Named(
        id="ivanova",
        about="an everyday case",
        ending=Ending.FOUND,
        fam="Иванова",
        nam="Анна",
        otch="Петровна",
        bdate="15.07.1990",
        docno="45 11 123456",
        docdt="20.08.2010",
        inn="770000000082",
    ),
    Named(
        id="petrov",
        about="a passport whose series and number begin with zeros",
        ending=Ending.FOUND,
        fam="Петров",
        nam="Иван",
        otch="Сергеевич",
        bdate="01.01.1985",
        docno="04 05 001234",
        docdt="10.02.2005",
        inn="770000000300",
    ),
    Named(
        id="lee",
        about="no patronymic",
        ending=Ending.FOUND,
        fam="Ли",
        nam="Мария",
        otch="",
        bdate="29.02.2000",
        docno="45 20 654321",
        docdt="05.03.2020",
        inn="770000000220",
    ),
    Named(
        id="koroleva",
        about="names with ё",
        ending=Ending.FOUND,
        fam="Королёва",
        nam="Алёна",
        otch="Семёновна",
        bdate="12.04.1961",
        docno="45 06 222333",
        docdt="12.05.2006",
    ),
    Named(
        id="mamedov",
        about="a double surname and a patronymic of two words",
        ending=Ending.FOUND,
        fam="Мамедов-Заде",
        nam="Али",
        otch="Гасан оглы",
        bdate="31.12.1979",
        docno="45 00 777888",
    ),
    Named(
        id="ussr",
        about="a passport of the USSR",
        ending=Ending.FOUND,
        fam="Старикова",
        nam="Вера",
        otch="Ильинична",
        bdate="01.01.1910",
        docno="IV-МЮ 123456",
        doctype="01",
    ),
    Named(
        id="baby",
        about="a birth certificate",
        ending=Ending.FOUND,
        fam="Юный",
        nam="Пётр",
        otch="Павлович",
        bdate="01.06.2020",
        docno="V-АН 654321",
        doctype="03",
    ),
    Named(
        id="foreigner",
        about="a foreign citizen's passport",
        ending=Ending.FOUND,
        fam="Новак",
        nam="Ян",
        otch="",
        bdate="17.03.1988",
        docno="CZ1234567",
        doctype="10",
    ),
    Named(
        id="nobody",
        about="has no INN",
        ending=Ending.NOT_FOUND,
        fam="Безномерная",
        nam="Ольга",
        otch="Игоревна",
        bdate="09.09.1999",
        docno="45 19 000098",
    ),
    Named(
        id="namesake",
        about="cannot be told from another person",
        ending=Ending.AMBIGUOUS,
        fam="Иванов",
        nam="Иван",
        otch="Иванович",
        bdate="01.05.1970",
        docno="45 10 000099",
    ),
    Named(
        id="rejected",
        about="the service calls the document wrong, by field",
        ending=Ending.REJECTED,
        fam="Ошибкин",
        nam="Лев",
        otch="Львович",
        bdate="04.04.1984",
        docno="45 04 400400",
    ),
    Named(
        id="slow",
        about="three polls before the answer",
        ending=Ending.FOUND,
        fam="Долгих",
        nam="Тихон",
        otch="Егорович",
        bdate="03.03.1983",
        docno="45 08 333333",
        pending=3,
    ),
    Named(
        id="stuck",
        about="is processed for ever",
        ending=Ending.PENDING,
        fam="Вечная",
        nam="Нина",
        otch="Олеговна",
        bdate="08.08.1968",
        docno="45 08 888888",
    ),
    Named(
        id="unavailable",
        about="the service is unavailable whenever it is asked for this person",
        ending=Ending.UNAVAILABLE,
        fam="Недоступный",
        nam="Глеб",
        otch="Юрьевич",
        bdate="02.02.1982",
        docno="45 02 222222",
    ),
    Named(
        id="wrong-inn",
        about="an INN whose checksum is wrong",
        ending=Ending.WRONG_INN,
        fam="Описко",
        nam="Роза",
        otch="Марковна",
        bdate="05.05.1975",
        docno="45 05 555555",
        inn="770000000083",
    ),
    Named(
        id="captcha",
        about="captcha is demanded whenever the service is asked for this person",
        ending=Ending.CAPTCHA,
        fam="Роботов",
        nam="Марк",
        otch="Ильич",
        bdate="06.06.1986",
        docno="45 06 666666",
    ),
)


@cache
def named(*, yo_differs: bool = False) -> Mapping[str, Named]:
    """The named people by their keys."""
    return {key_of(person.form, yo_differs=yo_differs): person for person in PEOPLE}


@cache
def keys() -> Mapping[str, str]:
    """The keys by the ids."""
    return {person.id: person.entry.key for person in PEOPLE}


def _iso(date: str) -> str:
    return "-".join(reversed(date.split("."))) if date else ""
