"""One question over HTTP, as doctor asks platforms and endpoints."""

from __future__ import annotations

from typing import Any

TIMEOUT_S = 10.0


async def ask(
    method: str, address: str, headers: dict[str, str], *, timeout_s: float = TIMEOUT_S, proxies: bool = False,
    redirects: bool = False,
) -> tuple[int, Any, dict[str, str]]:  # fmt: skip
    """Status, JSON (an empty object if it is none) and headers in lower case.

    Args:
        proxies: Whether those of the environment are used.
        redirects: Whether they are followed.

    Raises:
        OSError: nothing answers.
    """
    import aiohttp

    try:
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=proxies) as client,
            client.request(method, address, headers=headers, allow_redirects=redirects) as answer,
        ):
            try:
                body = await answer.json(content_type=None)
            except (ValueError, RecursionError):
                body = {}
            names = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, body if isinstance(body, dict | list) else {}, names
    except TimeoutError:
        raise OSError(f"no answer within {timeout_s:.0f} s") from None
    except aiohttp.ClientError as error:
        raise OSError(str(error) or type(error).__name__) from None
