"""A small OpenID Connect provider on 127.0.0.1: it signs in whoever the test says, without a password.

It follows the authorization code flow of https://openid.net/specs/openid-connect-core-1_0.html, with PKCE.
"""

import base64
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.servers import serve

CLIENT, SECRET = "citewell", "the client's secret"


@dataclass
class Provider:
    """Its address, and the claims of whoever signs in next."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """Serve until the block ends."""
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the server calls
            path, query = urlsplit(self.path).path, _values(urlsplit(self.path).query)
            if path == "/.well-known/openid-configuration":
                self._json(_described(made.url))
            elif path == "/keys":
                self._json({"keys": [made.key.as_dict(private=False)]})
            elif path == "/authorize":
                code = secrets.token_hex(16)
                made.codes[code] = {**query, **made.claims}
                self.send_response(302)
                back = urlencode({"code": code, "state": query["state"]})
                self.send_header("Location", f"{query['redirect_uri']}?{back}")
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            form = _values(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked = made.codes.pop(form["code"])
            challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(challenge).decode().rstrip("=") == asked["code_challenge"]
            given = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            assert given.startswith(f"{CLIENT}:")
            now = int(time.time())
            standard = {"iss": made.url, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": asked["nonce"]}
            token = jwt.encode({"alg": "RS256", "kid": "one"}, {**standard, **made.claims}, made.key)
            self._json({"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": token})

        def _json(self, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with serve(Handler) as made.url:
        yield made


def _values(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _described(url: str) -> dict[str, Any]:
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }
