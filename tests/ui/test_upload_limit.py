"""How many files an address may send is decided before a byte of them is read."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from core.settings import Settings, UiSettings
from ui.server import UPLOADED, UploadLimit, middleware

read: list[int] = []


async def _take(request: Request) -> PlainTextResponse:
    read.append(len(await request.body()))
    return PlainTextResponse("", status_code=204)


def client(address: str, app: Starlette) -> TestClient:
    return TestClient(app, client=(address, 50_000))


def page(most: int) -> Starlette:
    routes = [Route("/{path:path}", _take, methods=["GET", "PUT"])]
    return Starlette(routes=routes, middleware=[Middleware(UploadLimit, most=most)])


def put(sender: TestClient, session: str) -> int:
    return sender.put(f"{UPLOADED}/{session}/file", content=b"x" * 100).status_code


def test_an_address_sends_so_many_files_in_a_minute_whatever_its_session() -> None:
    app = page(3)
    read.clear()
    one, other = client("10.0.0.1", app), client("10.0.0.2", app)
    assert [put(one, session) for session in "abcd"] == [204, 204, 204, 429]
    refused = one.put(f"{UPLOADED}/e/file", content=b"x")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert len(read) == 3  # nothing of what was refused
    assert put(other, "a") == 204
    assert one.get("/").status_code == 204  # pages are no uploads


def test_where_nobody_may_upload_nothing_is_taken() -> None:
    app = page(0)
    assert put(client("10.0.0.1", app), "a") == 403
    assert client("10.0.0.1", app).get("/").status_code == 204


def test_the_page_is_served_behind_the_limit_of_its_settings(tmp_path: object) -> None:
    def most(**given: object) -> int:
        history = f"{tmp_path}/history.sqlite"
        settings = Settings(ui=UiSettings(**given))  # type: ignore[arg-type]
        settings = type(settings)(ui=settings.ui, history=type(settings.history)(file=history))
        (found,) = [each.kwargs["most"] for each in middleware(settings) if "most" in each.kwargs]
        return int(found)  # type: ignore[call-overload]

    assert most(uploads_per_minute=7) == 14
    assert most(uploads="nobody") == 0
