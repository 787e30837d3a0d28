"""The tax service's old protocol, one step (fns-protocol.md, 2). Whether it is alive nobody knows: a setting selects it."""

from adapters.providers.nalog import site
from adapters.providers.nalog.config import NalogConfig
from adapters.providers.nalog.conversation import Conversation, Timing
from adapters.providers.nalog.forms import NO_CAPTCHA, person_fields
from adapters.providers.nalog.refusals import Stranger
from adapters.providers.nalog.replies import NAME, legacy_reply
from adapters.providers.nalog.session import Session
from function.rate_limit import Again, Reply, Throttled
from function.request import LookupRequest


class Legacy:
    """An Upstream, for any number of threads."""

    name = NAME

    def __init__(self, config: NalogConfig, timing: Timing | None = None) -> None:
        self._config = config
        self._timing = timing or Timing()
        self._exchange = site.exchange(config)
        self._session = Session(self._exchange, consent=config.consent)

    def serves(self, request: LookupRequest) -> bool:
        """Everybody."""
        return True

    def ask(self, request: LookupRequest, again: Again) -> Reply:
        """Ask for one person, within the time limit."""
        talk = Conversation(self._exchange, self._config, self._timing, again)
        form = {"c": "innMy", **person_fields(request), "bplace": "", **NO_CAPTCHA}
        session = self._session.open(talk)
        try:
            return legacy_reply(talk.find(site.LEGACY, form))
        except (Throttled, Stranger):
            self._session.forget(session)
            raise

    def close(self) -> None:
        """Close idle connections."""
        self._exchange.close()
