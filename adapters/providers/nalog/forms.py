"""A request as the tax service's form takes it (fns-protocol.md, 1 and 4)."""

from datetime import date

from function import documents
from function.request import LookupRequest

WIRE_NAMES = {
    "fam": "lastName",
    "nam": "firstName",
    "otch": "middleName",
    "opt_otch": "middleName",
    "bdate": "birthDate",
    "bplace": "birthPlace",
    "doctype": "documentType",
    "docno": "documentNumber",
    "docdt": "documentDate",
}
"""What the client calls a field of the form. A series and its number are one field there."""

NO_CAPTCHA = {"captcha": "", "captchaToken": ""}
"""The service never solves captchas; the form sends these fields all the same."""


def person_fields(request: LookupRequest) -> dict[str, str]:
    """The fields that say who is meant, without those of a captcha."""
    patronymic = {"otch": request.middle_name} if request.middle_name else {"opt_otch": "1"}
    return {
        "fam": request.last_name,
        "nam": request.first_name,
        **patronymic,
        "bdate": _day(request.birth_date),
        "doctype": request.document_type,
        "docno": document(request),
        "docdt": _day(request.document_date) if request.document_date else "",
    }


def document(request: LookupRequest) -> str:
    """Series and number as one text: `NN NN NNNNNN` for a passport, `R-ББ NNNNNN` for older papers."""
    serial = request.document_serial
    if request.document_type == documents.PASSPORT:
        serial = f"{serial[:2]} {serial[2:]}"
    return f"{serial} {request.document_number}".strip()


def _day(day: date) -> str:
    return day.strftime("%d.%m.%Y")
