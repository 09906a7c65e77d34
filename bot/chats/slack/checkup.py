"""What doctor asks of Slack: is the token good, and may it do what Easel needs?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from bot.chats.slack.config import SlackConfig
from bot.questions import ask
from bot.settings import Settings
from imaging.findings import Finding, Level, broken, ok, warning


async def examine(settings: Settings) -> list[Finding]:
    """What is wrong with the settings, else what Slack says of them."""
    if problems := SlackConfig.of(settings).problems():
        return [broken("slack", problem.rstrip(".")) for problem in problems]
    return await asyncio.gather(*questions(settings))


def questions(settings: Settings) -> list[Awaitable[Finding]]:
    """What can be asked of Slack with what is set: bot token, app-level token, or installed workspaces."""
    found: list[Awaitable[Finding]] = []
    if settings.slack_app_token.get_secret_value():
        found.append(socket_mode(settings))
    elif settings.slack_client_id and settings.slack_client_secret.get_secret_value():
        return [workspaces(settings)]
    if settings.slack_bot_token.get_secret_value():
        found.insert(0, bot_token(settings))
    return found


async def bot_token(settings: Settings) -> Finding:
    """Ask Slack who the bot token is, and compare its scopes with the manifest's."""
    return await _token(settings, settings.slack_bot_token.get_secret_value(), "EASEL_SLACK_BOT_TOKEN")


async def _token(settings: Settings, token: str, named: str) -> Finding:
    from bot.chats.slack.manifest import missing_scopes

    base = settings.slack_api_base.rstrip("/")
    try:
        status, who, answered = await ask("POST", f"{base}/auth.test", {"Authorization": f"Bearer {token}"})
    except OSError as error:
        return warning("slack", f"{base} cannot be reached ({error}); check the network or EASEL_SLACK_API_BASE")
    if status != 200 or "ok" not in who:
        return warning("slack", f"Slack answers {status} to auth.test; try again later")
    if not who["ok"]:
        return broken(
            "slack", f"Slack refuses {named} ({who.get('error')}); install the app again and copy the bot token"
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


async def socket_mode(settings: Settings) -> Finding:
    """Ask Slack for a Socket Mode address, without using it."""
    base = settings.slack_api_base.rstrip("/")
    headers = {"Authorization": f"Bearer {settings.slack_app_token.get_secret_value()}"}
    try:
        status, answer, _ = await ask("POST", f"{base}/apps.connections.open", headers)
    except OSError as error:
        return warning("slack socket", f"{base} cannot be reached ({error})")
    if status == 200 and answer.get("ok"):
        return ok("slack socket", "the app-level token is good: Socket Mode can be opened")
    if status != 200 or "error" not in answer:
        return warning("slack socket", f"Slack answers {status} to apps.connections.open; try again later")
    return broken(
        "slack socket",
        f"Slack refuses EASEL_SLACK_APP_TOKEN ({answer['error']}); make an app-level token with connections:write "
        "(Basic Information page) and switch Socket Mode on",
    )


async def workspaces(settings: Settings) -> Finding:
    """Look at every workspace that installed the app."""
    from bot.chats.slack.clients import installed_teams

    bots = await asyncio.to_thread(installed_teams, settings.home / "slack.db", settings.slack_client_id)
    if not bots:
        where = settings.web_public_url.rstrip("/") or "https://…"
        return ok("slack", f"no workspace has installed the app yet; open {where}/slack/install")
    # A token that expired while nobody served is renewed by the next `easel serve`; Slack would only say that it did.
    asked = [bot for bot in bots if not (bot.bot_refresh_token and (bot.bot_token_expires_at or 0) < time.time())]
    looks = [
        _token(settings, str(bot.bot_token), f"the token of workspace {bot.team_name or bot.team_id}") for bot in asked
    ]
    findings = await asyncio.gather(*looks)
    bad = [finding for finding in findings if finding.level is not Level.OK]
    if bad:
        return next((finding for finding in bad if finding.level is Level.BROKEN), bad[0])
    resting = f"; {len(bots) - len(asked)} more get a fresh token from `easel serve`" if len(asked) < len(bots) else ""
    return ok("slack", f"workspaces with every scope that is needed: {len(asked)}{resting}")
