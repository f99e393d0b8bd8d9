"""Who is let in: on every route, by Host, Origin and token. What a page from elsewhere can do is nothing."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from browsers import Browser, head, parsed, request
from gateways import Gateway

from flowrs.errors import ConfigError
from flowrs.gateway.access import Access, checked_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worlds import World

ROUTES = ["/", "/index.html", "/metrics", "/healthz", "/ws", "/nothing", "/?token=x"]
TOKEN = "correct-horse-battery"  # noqa: S105 - of these tests alone
PROXY = "https://books.example.com"


@pytest.fixture(scope="module")
def guarded(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a token, which a proxy serves elsewhere too."""
    path = tmp_path_factory.mktemp("token") / "token.txt"
    path.write_text(f"{TOKEN}\n", encoding="utf-8")
    with Gateway(world.socket, "--token-file", str(path), "--origin", PROXY) as running:
        running.wait_up()
        yield running


# -- Host


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.2:{port}",
        "0.0.0.0:{port}",
        "localhost.:{port}",
        "user@127.0.0.1:{port}",
        "127.0.0.1:{port}, evil.example",
    ],
)
def test_another_name_is_refused_on_every_route(gateway: Gateway, path: str, host: str) -> None:
    status, headers, body = request(gateway.port, path, Host=host.format(port=gateway.port))
    assert status == 403
    assert "set-cookie" not in headers
    assert b"name" in body


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_the_names_of_this_machine_are_answered(gateway: Gateway, host: str) -> None:
    assert request(gateway.port, "/healthz", Host=host.format(port=gateway.port))[0] == 200


def test_a_request_without_a_name_or_with_two_is_refused(gateway: Gateway) -> None:
    good = f"Host: 127.0.0.1:{gateway.port}\r\n"
    for text in ("GET / HTTP/1.0\r\n\r\n", f"GET / HTTP/1.1\r\n{good}{good}\r\n", "GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", gateway.port)) as stream:
            stream.sendall(text.encode())
            status, _, body = parsed(stream.recv(65536))
            assert status in (400, 403)
            assert b"flowrs" not in body


def test_an_address_in_the_request_line_does_not_stand_for_the_name(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port)) as stream:
        stream.sendall(head(gateway.port, f"http://127.0.0.1:{gateway.port}/", Host="evil.example"))
        assert parsed(stream.recv(65536))[0] == 403


# -- Origin


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://evil.example:{port}",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}/",
        "http://192.168.1.5:{port}",
        "http://203.0.113.9",
        "http://[::ffff:127.0.0.1]:{port}",
        "http://0.0.0.0:{port}",
        "file://",
        "http://127.0.0.1:{port} http://evil.example",
        "HTTP://127.0.0.1:{port}",
    ],
)
def test_a_page_of_another_origin_cannot_connect(gateway: Gateway, origin: str) -> None:
    with Browser(gateway.port, Origin=origin.format(port=gateway.port)) as browser:
        assert browser.status == 403


def test_an_empty_origin_is_none_of_ours(gateway: Gateway) -> None:
    with Browser(gateway.port, Origin=" ") as browser:
        assert browser.status == 403


def test_a_rebound_name_cannot_connect_even_from_its_own_page(gateway: Gateway) -> None:
    name = f"evil.example:{gateway.port}"
    with Browser(gateway.port, Host=name, Origin=f"http://{name}") as browser:
        assert browser.status == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:{port}", "http://localhost:{port}", ""])
def test_own_pages_and_programs_may_connect(gateway: Gateway, origin: str) -> None:
    with Browser(gateway.port, Origin=origin.format(port=gateway.port)) as browser:
        assert browser.status == 101


def test_a_proxys_page_may_connect_under_its_own_name_alone(guarded: Gateway) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for host, origin, status in (
        ("books.example.com", PROXY, 101),
        (f"127.0.0.1:{guarded.port}", PROXY, 101),  # of a proxy that does not pass the name on
        ("books.example.com", "http://books.example.com", 403),
        ("books.example.com", "https://books.example.com:444", 403),
        ("books.example.com:443", PROXY, 403),
        ("www.books.example.com", PROXY, 403),
    ):
        with Browser(guarded.port, Host=host, Origin=origin, **bearer) as browser:
            assert browser.status == status, (host, origin)


# -- token


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/metrics", "/nothing", "/?token=", "/?token=wrong", "/?" + "a=b&" * 20]
)
def test_nothing_is_shown_without_the_token(guarded: Gateway, path: str) -> None:
    status, headers, body = request(guarded.port, path)
    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert "set-cookie" not in headers
    assert b"<html" not in body


def test_health_is_told_without_the_token(guarded: Gateway) -> None:
    assert request(guarded.port, "/healthz")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Cookie": f"flowrs-gateway-{{port}}={TOKEN}"},
        {"Cookie": "flowrs-gateway-{port}="},
        {"Cookie": "\x01=;;="},
    ],
)
def test_nobody_follows_without_the_token(guarded: Gateway, headers: dict[str, str]) -> None:
    given = {name: value.format(port=guarded.port) for name, value in headers.items()}
    with Browser(guarded.port, **given) as browser:
        assert browser.status in (400, 401)


def test_a_token_that_is_not_ascii_is_wrong_and_no_more(guarded: Gateway) -> None:
    assert request(guarded.port, "/?token=%ff%fe%00")[0] == 401


def test_a_program_shows_the_token_as_bearer(guarded: Gateway) -> None:
    for name in ("Bearer", "bearer"):
        assert request(guarded.port, "/", Authorization=f"{name} {TOKEN}")[0] == 200
        with Browser(guarded.port, Authorization=f"{name} {TOKEN}", Origin="") as browser:
            assert browser.status == 101


def test_a_page_is_opened_with_the_token_and_then_has_a_cookie_which_is_not_the_token(guarded: Gateway) -> None:
    status, headers, _ = request(guarded.port, f"/?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert {each.lower() for each in attributes} == {"httponly", "samesite=strict", "path=/"}
    assert TOKEN not in cookie
    assert request(guarded.port, "/", Cookie=cookie)[0] == 200
    with Browser(guarded.port, Cookie=cookie) as browser:
        assert browser.status == 101
    with Browser(guarded.port, Cookie=cookie, Origin="http://evil.example") as browser:
        assert browser.status == 403


def test_behind_tls_the_cookie_is_for_tls_alone(guarded: Gateway) -> None:
    _, headers, _ = request(guarded.port, f"/?token={TOKEN}", Host="books.example.com")
    assert "; Secure" in headers["set-cookie"]


def test_the_token_is_not_printed(guarded: Gateway) -> None:
    assert TOKEN not in guarded.announced
    assert TOKEN not in guarded.log()


def test_the_token_is_a_systemd_credential_if_there_is_one(world: World, tmp_path: Path) -> None:
    (tmp_path / "gateway-token").write_text(TOKEN, encoding="utf-8")
    with Gateway(world.socket, environ={**world.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)}) as gateway:
        assert request(gateway.port, "/")[0] == 401
        assert request(gateway.port, "/", Authorization=f"Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize(
    "token", ["", "short", "a token with spaces", "t\u00f6ken-t\u00f6ken-t\u00f6ken", "a\x00" * 20]
)
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match=r"token\.txt: expected a token of at least 16"):
        checked_token(token, "token.txt")


# -- answers


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/nothing", "/ws"])
def test_every_answer_keeps_the_page_among_its_own(gateway: Gateway, path: str) -> None:
    for host in (f"127.0.0.1:{gateway.port}", "evil.example"):
        _, headers, _ = request(gateway.port, path, Host=host)
        assert headers["content-security-policy"].split("; ")[0] == "default-src 'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
def test_nothing_but_reading_is_answered(gateway: Gateway, method: str) -> None:
    for path in ("/", "/healthz", "/metrics"):
        assert request(gateway.port, path, method)[0] in (400, 405)


@pytest.mark.parametrize(
    "path", ["/../app.py", "/..%2fapp.py", "/%2e%2e/app.py", "/assets/../../app.py", "//etc/passwd"]
)
def test_only_the_pages_files_are_served(gateway: Gateway, path: str) -> None:
    status, _, body = request(gateway.port, path)
    assert status == 404
    assert b"import" not in body


def test_it_listens_on_this_machine_alone(gateway: Gateway) -> None:
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with probe:
        probe.connect(("203.0.113.1", 9))  # sends nothing: it only chooses the address that others would see
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this machine has no address but its own")
    with socket.socket() as stream, pytest.raises(ConnectionRefusedError):
        stream.connect((own, gateway.port))


@pytest.mark.parametrize(
    "origin",
    ["books.example.com", "ftp://books.example.com", "https://", "https://a/b", "https://u@a", "https://a:x", "*"],
)
def test_an_origin_that_is_none_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ConfigError, match="is not an origin such as"):
        Access("127.0.0.1", 8080, [origin])


def test_origins_are_spelled_as_browsers_do() -> None:
    access = Access("127.0.0.1", 80, ["HTTPS://Books.Example.com:443", "http://[2001:DB8::1]:8080"])
    assert access.origins == {
        "http://127.0.0.1",
        "http://localhost",
        "http://[::1]",
        "https://books.example.com",
        "http://[2001:db8::1]:8080",
    }
