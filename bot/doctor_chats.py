"""What doctor asks of Slack (and how it asks anybody): is the token good, and may it do what Easel needs?"""

from __future__ import annotations

from typing import Any

from bot.doctor_findings import Finding, broken, ok, warning
from bot.settings import Settings

TIMEOUT_S = 10.0


async def slack(settings: Settings) -> Finding:
    """Ask Slack who the bot token is, and compare its scopes with the manifest's."""
    from bot.chats.slack.manifest import missing_scopes

    base = settings.slack_api_base.rstrip("/")
    headers = {"Authorization": f"Bearer {settings.slack_bot_token.get_secret_value()}"}
    try:
        status, who, answered = await ask("POST", f"{base}/auth.test", headers)
    except OSError as error:
        return warning("slack", f"{base} cannot be reached ({error}); check the network or EASEL_SLACK_API_BASE")
    if status != 200 or "ok" not in who:
        return warning("slack", f"Slack answers {status} to auth.test; try again later")
    if not who["ok"]:
        return broken(
            "slack",
            f"Slack refuses EASEL_SLACK_BOT_TOKEN ({who.get('error')}); install the app again and copy the bot token",
        )
    scopes = answered.get("x-oauth-scopes", "")
    missing = missing_scopes(scopes) if scopes else []
    if missing:
        return broken(
            "slack",
            f"the app in {who.get('team')} lacks {', '.join(missing)}; paste the output of `easel slack manifest` "
            "into its App Manifest page and install it again",
        )
    return ok("slack", f"the token is good: {who.get('team')}, with every scope that is needed")


async def ask(method: str, address: str, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
    """Status, JSON (an empty object if it is none) and headers in lower case.

    Raises:
        OSError: nothing answers.
    """
    import aiohttp

    try:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.request(method, address, headers=headers, allow_redirects=False) as answer,
        ):
            try:
                body = await answer.json(content_type=None)
            except ValueError:
                body = {}
            names = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, body if isinstance(body, dict | list) else {}, names
    except TimeoutError:
        raise OSError(f"no answer within {TIMEOUT_S:.0f} s") from None
    except aiohttp.ClientError as error:
        raise OSError(str(error) or type(error).__name__) from None
