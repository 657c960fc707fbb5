"""The settings of who may do what, and of the record of who did it."""

from dataclasses import dataclass
from typing import Annotated

from core.setting_rules import Range


@dataclass(frozen=True)
class AuditSettings:
    keep: bool = True
    """Write the audit log: who did what and when, with which index and model. It holds no text."""
    mib: Annotated[int, Range(1, 10_000)] = 10
    """Size in MiB at which a new file is begun."""
    files: Annotated[int, Range(1, 1000)] = 10
    """Most files that are kept."""


@dataclass(frozen=True)
class AuthSettings:
    server_metadata_url: str = ""
    """The OpenID Connect provider's discovery document, `https://…/.well-known/openid-configuration`. Set it, and
    people sign in before they see anything."""
    client_id: str = ""
    client_secret: str = ""
    """Better in the environment: CITEWELL_AUTH_CLIENT_SECRET."""
    redirect_uri: str = ""
    """Where the provider sends people back: the page's address with /oauth2callback. Empty: that of host and port."""
    roles_claim: str = "roles"
    """The claim of the ID token that lists a person's roles; `editor` and `reader` count, alone or after a slash."""
    editors: str = ""
    """E-mail addresses (verified by the provider) or subjects of those who are editors whatever the claim says; commas
    between them."""
    readers: str = "*"
    """The same of those who may read; `*` is everybody who can sign in."""
