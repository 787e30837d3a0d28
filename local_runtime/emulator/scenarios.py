"""Named cases of the emulated services' behaviour, one for each row of the protocols' description.

`{"scenario": NAME}` applies a case to all requests, `{"rules": [{"case": NAME, …}]}` to those that the rule's other
fields select. `README.md` lists all cases.
"""

from pydantic import JsonValue

from local_runtime.emulator.http_replies import HTML_TYPE

INVALID_REQUEST_ID = "Недопустимый идентификатор запроса"
INTERNAL_ERROR = "Произошла внутренняя ошибка"
UNAVAILABLE = "Сервис временно недоступен. Повторите попытку позже"
MAINTENANCE = (
    "<!DOCTYPE html>\n<html><head><title>ФНС России</title></head><body>"
    "<p>Сервис недоступен в связи с проведением технических работ. Время проведения технических работ: до 06:00.</p>"
    "</body></html>"
)

_ERROR_500: dict[str, JsonValue] = {"on": "tax", "error": UNAVAILABLE, "status": 500}

CASES: dict[str, dict[str, JsonValue]] = {
    # 1. find
    "captcha": {"on": "search", "captcha": "required"},
    "captcha_with_request_id": {"on": "search", "captcha": "with_id"},
    "empty_find": {"on": "search", "body": "empty"},
    # 1. get
    "slow": {"on": "tax", "delay": 2, "pending": 3},
    "pending_polls": {"on": "find", "pending": 3},
    "pending_seconds": {"on": "find", "pending_sec": 20},
    "state_pending": {"on": "get", "state": -1},
    "state_unavailable": {"on": "get", "state": -2},
    "state_not_found": {"on": "get", "state": 0},
    "state_found_wrong_inn": {"on": "get", "state": 1, "inn": "123456789037"},
    "state_ambiguous": {"on": "get", "state": 3},
    "state_unknown": {"on": "get", "state": 7},
    "state_and_error_code": {"on": "get", "extra": {"error_code": 5.0}},
    "new_keys": {"on": "get", "extra": {"error_code": None, "id": 7.0, "entityId": 12.0, "result": {}}},
    "poll_502": {"on": "get", "poll": 1, "status": 502},
    "poll_503": {"on": "get", "poll": 1, "status": 503},
    "poll_504": {"on": "get", "poll": 1, "status": 504},
    "poll_timeout": {"on": "get", "poll": 1, "connection": "hang"},
    "poll_empty": {"on": "get", "poll": 1, "body": "empty"},
    "poll_reset": {"on": "get", "poll": 1, "connection": "reset"},
    "invalid_request_id": {"on": "get", "poll": 1, "error": INVALID_REQUEST_ID},
    "forgotten_request_id": {"on": "find", "forgotten": True},
    "internal_error": {"on": "get", "error": INTERNAL_ERROR, "status": 500},
    # 1. session and consent
    "consent": {"on": "site", "consent": "required"},
    "consent_strict": {"on": "site", "consent": "strict"},
    "consent_page_only": {"on": "site", "consent": "page"},
    "consent_forgotten": {"on": "search", "consent": "required", "forget_cookies": True},
    "maintenance": {"on": ["page", "search"], "raw": MAINTENANCE, "content_type": HTML_TYPE},
    # 2. legacy
    "code_not_found": {"on": "legacy", "code": 0},
    "code_ambiguous": {"on": "legacy", "code": 3},
    "code_error": {"on": "legacy", "code": 2},
    "code_timeout": {"on": "legacy", "code": 99},
    "legacy_404": {"on": "legacy", "status": 404},
    # 3. errors of both
    "wrong_fields": {"on": "search", "errors": {"fam": ["Проверьте фамилию"], "docno": ["Проверьте номер документа"]}},
    "captcha_field": {"on": "search", "captcha": "field"},
    "captcha_token_field": {"on": "search", "captcha": "token_field"},
    "service_error": _ERROR_500,
    "throttled": {"on": "tax", "status": 429, "retry_after": 30, "body": "html"},
    "down": {"on": "tax", "status": 503, "body": "html"},
    "switched_off": {"on": "tax", "status": 405, "body": "html"},
    "json_in_html": {"on": "tax", "body": "in_html"},
    "windows_1251": {**_ERROR_500, "charset": "windows-1251"},
    "windows_1251_undeclared": {**_ERROR_500, "charset": "windows-1251", "content_type": "application/json"},
    # 5. the paid provider
    "apifns_not_found": {"on": "apifns", "raw": '{"items":[],"error":"Информация об ИНН не найдена"}'},
    "apifns_item_error": {"on": "apifns", "raw": '{"items":[{"error":"Неверно указаны данные"}]}'},
    "apifns_wrong_key": {"on": "apifns", "raw": "Ошибка: Неверный ключ (1)", "content_type": "text/plain"},
    "apifns_blocked": {"on": "apifns", "raw": "Доступ запрещен", "status": 403, "content_type": "text/plain"},
}
