from tests.contracts.answers import AnswerStoreContract
from tests.contracts.history import HistoryContract
from tests.contracts.rate_limiter import RateLimiterContract


class TestMongoStore(AnswerStoreContract, RateLimiterContract, HistoryContract): ...
