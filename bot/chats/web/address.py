"""Where the page is, and what stands before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.settings import Login, Network, loopback


@dataclass(frozen=True, slots=True)
class WebAddress:
    """Where the page listens and how it is protected. `names` are further host names it answers to."""

    host: str
    port: int
    password: str = ""
    names: frozenset[str] = frozenset()
    login: Login = Login.NONE
    public: bool = False
    """Whether the settings say that others reach the page under an address of its own."""
    proxies: Sequence[Network] = ()
    """Who is believed about where a request comes from."""
    tls_name: str = ""
    """The public host name, where it is reached by https."""

    @property
    def alone(self) -> bool:
        """Whether nothing says that others come: then whoever sits at this machine may moderate."""
        return not self.public and not self.locked and loopback(self.host)

    @property
    def locked(self) -> bool:
        """Whether a password or a login stands before it."""
        return bool(self.password) or self.login is not Login.NONE

    @property
    def in_the_clear(self) -> bool:
        """Whether a password or a session comes over a network without TLS, as far as the settings tell."""
        return self.locked and not self.tls_name and (self.public or not loopback(self.host))

    @property
    def closed(self) -> bool:
        """Whether the page must not be served: others could come in, and there is no lock."""
        return not self.locked and (self.public or not loopback(self.host))
