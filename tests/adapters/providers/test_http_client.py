"""One request with a site that is not trusted: how long it may take, how much it may send, whom it may name."""

import gc
import gzip
import logging
import os
import socket
import ssl
import struct
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from adapters.providers.http_client import MAX_BYTES, SiteClient, SiteReply
from function.outcomes import Reason
from function.ports import Unavailable
from tests.adapters.providers.nalog import proxies
from tests.adapters.providers.nalog.certificates import self_signed
from tests.adapters.providers.nalog.site import Asked, Script, reply, serving

OK = reply(200, "{}")
ENOUGH_SEC = 30.0
SHORT_SEC = 0.1
DRIPS_SEC = 0.02


def say(raw: bytes) -> Script:
    return lambda _asked, client: client.sendall(raw)


def flood(client: socket.socket, head: bytes = b"", piece: bytes = b"x", pause: float = 0.02) -> None:
    """Sends the head, then the piece now and then, for ever."""
    client.sendall(head)
    while True:
        client.sendall(piece)
        threading.Event().wait(pause)


def endless(head: bytes, piece: bytes = b"x", pause: float = 0) -> Script:
    return lambda _asked, client: flood(client, head, piece, pause)


def last(raw: bytes) -> Script:
    """Sends it and no more on this connection."""

    def script(_asked: Asked, client: socket.socket) -> None:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)

    return script


def silent(_asked: Asked, client: socket.socket) -> None:
    with suppress(OSError):
        client.recv(1)


def post(url: str, form: dict[str, str] | None = None, timeout: float = ENOUGH_SEC, **settings: Any) -> SiteReply:
    return SiteClient(url, timeout=timeout, **settings).request("/", form=form or {})


class Certificate(NamedTuple):
    """A server's, and the file by which a client trusts it."""

    context: ssl.SSLContext
    trusted: str


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    context, trusted = self_signed(tmp_path_factory.mktemp("certificate"))
    return Certificate(context, str(trusted))


def fails(url: str, seconds: float = ENOUGH_SEC, reason: Reason = Reason.PROVIDER_UNAVAILABLE, **settings: Any) -> None:
    """A request to it ends as a failure that says nothing."""
    with pytest.raises(Unavailable) as no:
        post(url, {"fam": "Выдуманный"}, seconds, **settings)
    assert (no.value.reason, no.value.__context__, no.value.__cause__) == (reason, None, None)


def fails_once(
    script: Script, seconds: float = ENOUGH_SEC, reason: Reason = Reason.PROVIDER_UNAVAILABLE, **settings: Any
) -> None:
    """A request to such a site is a failure, and what was sent is never sent again."""
    with serving(script, settings.pop("tls", None)) as site:
        fails(site.url, seconds, reason, retries=3, **settings)
        exchanges_end()
    assert len(site.asked) == 1


def exchanges_end() -> None:
    """No thread is left of an exchange that is over."""
    for thread in threading.enumerate():
        if thread.name == "exchange":
            thread.join(ENOUGH_SEC)
            assert not thread.is_alive()


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 %d X\r\nLink: </a>\r\n\r\n"
SLOW = {
    "no reply at all": silent,
    "headers that never end": endless(HEAD + b"X-A: ", pause=DRIPS_SEC),
    "a body that drips": endless(HEAD + b"Content-Length: 1000000\r\n\r\n", pause=DRIPS_SEC),
    "a chunk that drips": endless(CHUNKED + b"FFFFF\r\n", pause=DRIPS_SEC),
}
ODD = {
    "nothing": last(b""),
    "a body that ends too early": last(reply(200, "x" * 100)[:-30]),
    "no HTTP": last(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "a chunk size that is none": last(CHUNKED + b"zz\r\n"),
    "a header too big": last(HEAD + b"X-A: " + b"b" * 70_000 + b"\r\n\r\n"),
    "another protocol, which nobody asked for": say(INTERIM % 101 + OK),
    "too many interim replies": say(INTERIM % 102 * 1000 + OK),
}
UNREADABLE = {
    "too many headers": last(HEAD + b"X-A: b\r\n" * 200 + b"\r\n"),
    "gzip that is none": last(reply(200, "plain", "Content-Encoding: gzip")),
    "half of a gzip": last(reply(200, gzip.compress(b"whole")[:-9], "Content-Encoding: gzip")),
}


@pytest.mark.parametrize("kind", SLOW | ODD | UNREADABLE)
def test_a_reply_that_is_slow_odd_or_unreadable_is_a_failure_in_time(kind: str) -> None:
    reason = Reason.BAD_REPLY if kind in UNREADABLE else Reason.PROVIDER_UNAVAILABLE
    fails_once((SLOW | ODD | UNREADABLE)[kind], SHORT_SEC if kind in SLOW else ENOUGH_SEC, reason)


class Form(dict[str, str]):
    """A dict that can be referred to weakly."""


def test_an_error_keeps_no_form_of_a_person_in_a_reference_cycle() -> None:
    gc.disable()
    try:
        with serving(UNREADABLE["gzip that is none"]) as site, suppress(Unavailable):
            form = Form(fam="Иванов")
            kept = weakref.ref(form)
            SiteClient(site.url, timeout=ENOUGH_SEC).request("/", form=form)
        for exchange in (thread for thread in threading.enumerate() if thread.name == "exchange"):
            exchange.join(ENOUGH_SEC)
        del form
        assert kept() is None
    finally:
        gc.enable()


def test_the_shutdown_at_the_deadline_is_no_end_of_a_reply_without_a_length() -> None:
    with serving(endless(HEAD + b"\r\n{}", b" ", pause=DRIPS_SEC)) as site, ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: fails(site.url, SHORT_SEC), range(64)))


BIG = {
    "100 MB by length": endless(HEAD + b"Content-Length: 100000000\r\n\r\n", b"x" * 65536),
    "endless chunks": endless(CHUNKED, b"8000\r\n" + b"x" * 0x8000 + b"\r\n"),
    "100 MB in 100 KB of gzip": say(
        reply(200, gzip.compress(bytes(100_000_000), compresslevel=9), "Content-Encoding: gzip")
    ),
    "one byte too many": say(reply(200, b"x" * (MAX_BYTES + 1))),
}


@pytest.mark.parametrize("kind", BIG)
def test_a_big_reply_is_cut_off_and_takes_little_memory(kind: str) -> None:
    tracemalloc.start()
    try:
        fails_once(BIG[kind], reason=Reason.BAD_REPLY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * MAX_BYTES


def test_the_biggest_reply_comes_whole() -> None:
    with serving(say(reply(200, b"x" * MAX_BYTES))) as site:
        assert len(post(site.url).body) == MAX_BYTES


def test_a_reply_that_is_packed_though_nobody_asked_is_unpacked() -> None:
    with serving(say(reply(200, gzip.compress(b"whole"), "Content-Encoding: gzip"))) as site:
        assert SiteClient(site.url, timeout=ENOUGH_SEC).request("/").body == b"whole"
    assert site.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(say(OK)) as elsewhere, serving(say(reply(status, "", f"Location: {elsewhere.url}/"))) as site:
        assert post(site.url, {"fam": "Выдуманный"}).status == status
    assert elsewhere.connections == 0


def test_no_two_exchanges_share_a_connection_and_what_lies_beyond_a_reply_is_nobody_s(certificate: Certificate) -> None:
    def script(asked: Asked, client: socket.socket) -> None:
        client.sendall(reply(200, asked.form["for"]) + reply(200, "somebody else's"))

    for tls in (None, certificate.context):
        with serving(script, tls) as site:
            client = SiteClient(site.url, ca_bundle=certificate.trusted, timeout=ENOUGH_SEC)
            for person in ("one", "another", "a third"):
                assert client.request("/", form={"for": person}).body == person.encode()
        assert site.connections == 3
        assert all(asked.headers["connection"] == "close" for asked in site.asked)


def test_what_comes_before_a_reply_is_not_taken_for_it() -> None:
    before = b"".join(INTERIM % status for status in (102, 100, 103, 199))
    with serving(lambda asked, client: client.sendall(before + reply(200, asked.form["for"]))) as site:
        client = SiteClient(site.url, timeout=ENOUGH_SEC)
        for person in ("one", "another"):
            page = client.request("/", form={"for": person})
            assert (page.status, page.body) == (200, person.encode())


TIMES_SEC = (0.05, 0.5, 5.0, 30.0)  # a busy machine does not make the first one


def taking(then: Callable[[socket.socket], object]) -> proxies.Serve:
    """Takes what comes, and gives no reply."""

    def serve(client: socket.socket, proxy: proxies.Proxy) -> None:
        proxy.asked.append("")
        client.recv(65536)
        then(client)

    return serve


close = taking(lambda _client: None)
reset = taking(lambda client: client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)))
NO_HANDSHAKE = {"hangs": taking(lambda client: client.makefile("rb").read()), "is closed": close, "is reset": reset}


def mute(held: ExitStack, host: str, port: int = 0) -> int:
    """A port at which connections wait for ever: nobody accepts, and the queue is full."""
    listener = held.enter_context(socket.create_server((host, port), backlog=0))
    port = listener.getsockname()[1]
    for _ in range(3):
        waiting = held.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex((host, port))
    return port


class TestConnecting:
    """No name of a test machine has several addresses, and no resolver of it hangs: so that is a stand-in."""

    NAME = "several.invalid"

    @pytest.fixture
    def named(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
        real = socket.getaddrinfo

        def name(addresses: Iterable[str], failing: int = 0) -> list[str]:
            """It has these addresses, after so many failures to say so; returns who was asked for."""
            asked: list[str] = []

            def resolve(host: str, port: Any, *args: Any) -> list[Any]:
                if host != self.NAME:
                    return real(host, port, *args)
                asked.append(host)
                if len(asked) <= failing:
                    raise socket.gaierror
                return [row for one in addresses for row in real(one, port, *args)]

            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            return asked

        return name

    @pytest.fixture
    def hanging(self, named: Any) -> Iterator[threading.Event]:
        """A resolver that hangs until this is set."""
        leave = threading.Event()

        def addresses() -> Iterator[str]:
            leave.wait()
            yield "127.0.0.1"

        named(addresses())
        yield leave
        leave.set()

    @pytest.mark.parametrize("way", ["", "http", "socks5"])
    @pytest.mark.parametrize("kind", ["silent addresses", "a resolver that hangs"])
    def test_it_ends_in_time(self, way: str, kind: str, named: Any, request: pytest.FixtureRequest) -> None:
        with ExitStack() as held:
            if kind == "silent addresses":
                named(["127.0.0.1"] * 20)  # each has half of the time that the request may take
                there = f"{self.NAME}:{mute(held, '127.0.0.1')}"
            else:
                request.getfixturevalue("hanging")
                there = f"{self.NAME}:9"
            url, proxy = ("http://127.0.0.1:9", f"{way}://{there}") if way else (f"http://{there}", "")
            fails(url, SHORT_SEC, proxy=proxy, retries=9)

    def test_nothing_is_sent_once_the_time_is_up(self, hanging: threading.Event) -> None:
        with serving(say(OK)) as site:
            fails(f"http://{self.NAME}:{site.port}", SHORT_SEC)
            hanging.set()
            exchanges_end()
        assert site.asked == []

    def test_a_silent_address_leaves_time_for_the_next(self, named: Any) -> None:
        named(["127.0.0.2", "127.0.0.1"])
        with serving(say(OK)) as site, ExitStack() as held:
            mute(held, "127.0.0.2", site.port)

            def answered(seconds: float) -> bool:
                with suppress(Unavailable):
                    return post(f"http://{self.NAME}:{site.port}", timeout=seconds).status == 200
                return False

            assert any(map(answered, TIMES_SEC))

    def test_a_connection_that_could_not_be_made_is_tried_again_as_often_as_is_set(self, named: Any) -> None:
        asked = named(["127.0.0.1"], failing=4)
        with serving(say(OK)) as site:
            fails(f"http://{self.NAME}:{site.port}", retries=2)
            assert len(asked) == 3
            assert post(f"http://{self.NAME}:{site.port}", retries=2).status == 200
        assert (len(asked), len(site.asked)) == (5, 1)


class TestTls:
    def test_a_certificate_that_nobody_vouches_for_or_of_another_host_ends_the_request_before_anything_is_sent(
        self, certificate: Certificate, tmp_path: Path
    ) -> None:
        other, trusted = self_signed(tmp_path, "127.0.0.2")
        with serving(say(OK), certificate.context) as site, proxies.running(proxies.http) as proxy:
            fails(site.url)
            fails(site.url, proxy=f"http://{proxy.address}")
        with serving(say(OK), other) as another:
            fails(another.url, ca_bundle=str(trusted))
        assert site.asked == another.asked == []

    def test_a_reply_that_drips_or_breaks_tls_is_a_failure_in_time(self, certificate: Certificate) -> None:
        def no_tls(_asked: Asked, client: socket.socket) -> None:
            os.write(client.fileno(), b"no TLS record")

        for script, seconds in ((endless(HEAD + b"X-A: ", pause=DRIPS_SEC), SHORT_SEC), (no_tls, ENOUGH_SEC)):
            fails_once(script, seconds, tls=certificate.context, ca_bundle=certificate.trusted)

    @pytest.mark.parametrize("kind", NO_HANDSHAKE)
    @pytest.mark.parametrize("way", ["straight", "through a tunnel that never opens", "through a proxy by TLS"])
    def test_where_no_connection_comes_about_nothing_was_sent(self, kind: str, way: str) -> None:
        with proxies.running(NO_HANDSHAKE[kind]) as there:
            url, proxy = {
                "straight": (f"https://{there.address}", ""),
                "through a tunnel that never opens": ("https://127.0.0.1:9", f"http://{there.address}"),
                "through a proxy by TLS": ("https://127.0.0.1:9", f"https://{there.address}"),
            }[way]
            # Half of it goes to the first try.
            fails(url, 4 * SHORT_SEC if kind == "hangs" else ENOUGH_SEC, proxy=proxy, retries=1)
        assert len(there.asked) == 2  # nothing was sent, so it was tried again

    def test_a_bundle_that_is_not_there_is_known_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            SiteClient("https://127.0.0.1:9", timeout=1, ca_bundle=str(tmp_path / "none.pem"))


class TestProxy:
    @pytest.mark.parametrize(
        ("login", "tls", "asked"),
        [
            pytest.param(
                "http://us%40er:pass@", False, ["POST {url}/ HTTP/1.1 Basic dXNAZXI6cGFzcw=="], id="forwarded"
            ),
            pytest.param("http://us%40er:pass@", True, ["CONNECT {host} HTTP/1.0 Basic dXNAZXI6cGFzcw=="], id="tunnel"),
            pytest.param("https://", True, ["CONNECT {host} HTTP/1.0"], id="a proxy that speaks TLS itself"),
            pytest.param("socks5://", True, ["address {host}"], id="socks5"),
            pytest.param("socks5h://user:pass@", False, ["login user:pass", "name {host}"], id="socks5h with a login"),
        ],
    )
    def test_a_way_by_a_proxy(self, login: str, tls: bool, asked: list[str], certificate: Certificate) -> None:  # noqa: FBT001  # a column
        serve = proxies.socks5 if "socks" in login else proxies.http
        context = certificate.context if login == "https://" else None
        with serving(say(OK), certificate.context if tls else None) as site, proxies.running(serve, context) as proxy:
            url = site.url.replace("127.0.0.1", "localhost") if "socks5h" in login else site.url
            page = post(url, {"a": "b"}, proxy=login + proxy.address, ca_bundle=certificate.trusted)
        assert page.status == 200
        assert proxy.asked == [line.format(url=url, host=url.partition("//")[2]) for line in asked]
        assert site.asked[0].form == {"a": "b"}
        assert not tls or "proxy-authorization" not in site.asked[0].headers

    def test_an_unknown_host_or_a_proxy_that_is_not_there_is_a_failure(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            address = f"127.0.0.1:{gone.getsockname()[1]}"
        fails("http://nowhere.invalid")
        for scheme in ("http", "socks5"):
            fails("http://127.0.0.1:9", proxy=f"{scheme}://{address}")

    @pytest.mark.parametrize("end", [close, reset])
    def test_a_form_that_a_proxy_took_and_gave_no_reply_to_is_not_sent_again(self, end: proxies.Serve) -> None:
        with proxies.running(end) as proxy:
            fails("http://127.0.0.1:9", proxy=f"http://{proxy.address}", retries=3)
        assert len(proxy.asked) == 1

    def test_a_proxy_that_refuses_the_tunnel_or_drips_is_a_failure(self) -> None:
        refuse = taking(lambda client: client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))
        for serve, seconds in ((refuse, ENOUGH_SEC), (lambda client, _: flood(client), SHORT_SEC)):
            with proxies.running(serve) as proxy:
                fails("https://127.0.0.1:9", seconds, proxy=f"http://{proxy.address}")

    def test_no_proxy_is_taken_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        with serving(say(OK)) as site:
            assert post(site.url).status == 200


QUIET = {
    "a good reply": say(OK),
    "malformed headers": last(b"HTTP/1.1 200 OK\r\nsEcReT without a colon\r\nContent-Length: 2\r\n\r\n{}"),
    "a redirect": say(reply(302, "", "Location: /?key=sEcReT")),
}


@pytest.mark.parametrize("kind", QUIET)
def test_the_loudest_log_has_no_query_in_it(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(QUIET[kind]) as site:
        client = SiteClient(site.url, timeout=ENOUGH_SEC)
        with suppress(Unavailable):
            client.request("/page", query={"key": "sEcReT", "fam": "Vydumannyj"})
    for secret in ("sEcReT", "Vydumannyj"):
        assert secret not in caplog.text
        assert all(secret not in repr(record.__dict__) for record in caplog.records)
