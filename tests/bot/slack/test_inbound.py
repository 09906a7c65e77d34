"""Slack's payloads, whole and broken, as our words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chats.slack import ids
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.files import is_home
from bot.chats.slack.gateway import listeners
from bot.chats.slack.incoming import commands, inbound, modals, written
from bot.chats.slack.manifest import (
    ASSISTANT_EVENTS,
    EVENTS,
    LONGEST_NAME,
    SCOPES,
    View,
    manifest,
    missing_scopes,
)
from handlers.command_text import BadCommand
from handlers.commands import COMMANDS
from handlers.model import Action, CommandSpec, Option, OptionKind, Person, ThreadKey
from tests.peers import block_kit

ADA = Person("U1", "Ada")
SETTINGS = next(spec for spec in COMMANDS if spec.name == "settings")
SPECS = (
    CommandSpec("imagine", "Draw", (Option("text", "What", required=True),), opens_thread=True),
    CommandSpec(
        "gallery",
        "See",
        (Option("picture", "Which", OptionKind.PICTURE, minimum=1), Option("style", "How", choices=("logo", "photo"))),
    ),
    CommandSpec("help", "Help"),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KEYS = [
    "user",
    "channel",
    "ts",
    "text",
    "thread_ts",
    "files",
    "type",
    "actions",
    "container",
    "view",
    "bot_id",
    "state",
]


def message(**more: Any) -> dict[str, Any]:
    return {"type": "message", "user": "U1", "channel": "C1", "ts": "10.1", "text": "hello"} | more


def test_a_mention_and_its_message_are_one_event() -> None:
    one = inbound.read_message(message(type="app_mention", text="<@B1> a fox"), "T1", "B1")
    two = inbound.read_message(message(text="<@B1> a fox"), "T1", "B1")
    assert one is not None
    assert two is not None
    assert one.event == two.event
    assert one.text == two.text == "a fox"
    assert one.mentioned
    assert two.mentioned


@pytest.mark.parametrize(
    "event",
    [
        message(subtype="message_changed"),
        message(bot_id="B9"),
        message(user="B1"),
        message(user=None),
        message(ts=12),
        {},
    ],
)
def test_what_no_person_said_is_not_for_us(event: dict[str, Any]) -> None:
    assert inbound.read_message(event, "T1", "B1") is None


def test_text_comes_as_the_person_meant_it() -> None:
    raw = "<@B1> see <https://a.b|the site> &amp; <#C2|general> &lt;image&gt; <!here> <@U7>"
    assert written.clean_text(raw, "B1") == "see the site (https://a.b) & #general <image> @here @U7"


@given(st.dictionaries(st.sampled_from(KEYS), json_values))
def test_no_payload_is_too_strange(payload: dict[str, Any]) -> None:
    inbound.read_message(payload, "T1", "B1")
    inbound.read_action(payload, "T1", ADA)
    inbound.read_place(payload, "T1")
    inbound.read_reaction(payload, "B1")
    inbound.shown_pictures(payload, "B1")
    modals.read_form(payload, SlackConfig())
    modals.read_settings(payload, SETTINGS)


def click(action: dict[str, Any]) -> dict[str, Any]:
    container = {"channel_id": "C1", "message_ts": "11.0", "thread_ts": "10.1"}
    return {"actions": [action], "container": container, "trigger_id": "t"}


def test_a_button_names_its_picture_and_thread() -> None:
    press = inbound.read_action(click({"action_id": ids.action_id(Action.VARY, 3)}), "T1", ADA)
    assert press is not None
    assert (press.action, press.picture, press.thread) == (Action.VARY, 3, ThreadKey("slack", "T1", "C1", "10.1"))


def test_a_menu_counts_by_its_chosen_row() -> None:
    chosen = {"action_id": "easel.menu.4", "selected_option": {"value": ids.action_id(Action.RECIPE, 4)}}
    press = inbound.read_action(click(chosen), "T1", ADA)
    assert press is not None
    assert (press.action, press.picture) == (Action.RECIPE, 4)


@given(st.text(max_size=60))
def test_only_our_own_action_ids_are_read(text: str) -> None:
    mark = ids.read_action_id(text)
    assert mark is None or ids.action_id(mark.action, mark.number) == text or text.endswith("\n")


def test_commands_take_named_and_free_arguments() -> None:
    spec, given_ = commands.read_command("imagine a fox: in the snow", SPECS)
    assert (spec.name, given_) == ("imagine", {"text": "a fox: in the snow"})
    assert commands.read_command("gallery #3 style:logo", SPECS)[1] == {"picture": 3, "style": "logo"}
    assert commands.read_command("", SPECS)[0].name == "help"
    assert commands.read_command("settings style:logo", COMMANDS)[1] == {"style": "logo"}
    access = "access rule:deny channel:<#C123|hall> role:<!subteam^S9>"
    assert commands.read_command(access, COMMANDS)[1] == {"rule": "deny", "channel": "C123", "role": "S9"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dance", "There is no /easel dance; try one of: imagine, gallery, help."),
        ("imagine", "needs text"),
        ("gallery style:cubism", "one of: logo, photo"),
        ("gallery picture:three", "must be a number"),
        ("gallery picture:0", "at least 1"),
        ("help me out", "does not take"),
    ],
)
def test_a_command_that_cannot_be_read_says_how_to_write_it(text: str, words: str) -> None:
    with pytest.raises(BadCommand, match=words.replace("(", r"\(")):
        commands.read_command(text, SPECS)


def test_the_edit_form_comes_back_with_its_thread_and_words() -> None:
    press = inbound.read_action(click({"action_id": ids.action_id(Action.EDIT, 3)}), "T1", ADA)
    assert press is not None
    view = modals.edit_view(press, "a fox " * 900, 4)
    assert block_kit.view_problems(view) == []
    assert len(view["blocks"][0]["element"]["initial_value"]) <= 2_000
    assert modals.read_private(view["private_metadata"]) == (press.thread, 3)
    values: dict[str, Any] = {
        "description": {"value": {"value": " a blue fox "}},
        "change": {"value": {"selected_option": {"value": "small"}}},
    }
    form = modals.read_form({"view": {"state": {"values": values}}}, SlackConfig())
    assert (form.description, form.change, dict(form.errors)) == ("a blue fox", "small", {})


def picture_file(**more: Any) -> dict[str, Any]:
    return {"id": "F1", "name": "a.png", "mimetype": "image/png", "size": 4} | more


@pytest.mark.parametrize(
    ("words", "files", "wrong"),
    [
        ("  ", [], {"description": "Describe the whole picture"}),
        ("x" * 2_001, [], {"description": "at most 2,000 characters; yours has 2,001"}),
        ("a fox", [picture_file(mimetype="application/pdf", name="a.pdf")], {"files": "a.pdf is no picture"}),
        ("a fox", [picture_file(size=21 * 2**20)], {"files": "larger than 20 MiB"}),
        ("a fox", [picture_file()] * 5, {"files": "at most 4 pictures"}),
        ("", [picture_file(size=21 * 2**20)], {"description": "Describe", "files": "larger than"}),
    ],
)
def test_each_error_of_a_form_stands_at_its_field(words: str, files: list[Any], wrong: dict[str, str]) -> None:
    values = {"description": {"value": {"value": words}}, "files": {"value": {"files": files}}}
    errors = modals.read_form({"view": {"state": {"values": values}}}, SlackConfig()).errors
    assert errors.keys() == wrong.keys()
    assert all(said in errors[name] for name, said in wrong.items())


def test_the_settings_form_offers_the_options_of_the_command_and_says_what_is_wrong() -> None:
    view = modals.settings_view(SETTINGS, "D1", {"size": "wide", "style": "watercolour"})
    assert block_kit.view_problems(view) == []
    shown = {block["block_id"]: block["element"] for block in view["blocks"]}
    assert list(shown) == [option.name for option in SETTINGS.options if option.name != "scope"]
    assert shown["size"]["initial_option"]["value"] == "wide"
    assert shown["style"]["initial_value"] == "watercolour"
    assert modals.read_channel(view["private_metadata"]) == "D1"
    values = {
        "style": {"value": {"value": "x" * 61}},
        "size": {"value": {"selected_option": {"value": "round"}}},
        "language": {"value": {"value": None}},
    }
    given, errors = modals.read_settings({"view": {"state": {"values": values}}}, SETTINGS)
    assert errors.keys() == {"style", "size"}
    assert given["language"] == ""


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"tenant": 1}', '{"picture": "x"}'])
def test_a_strange_modal_is_left_alone(text: str) -> None:
    assert modals.read_private(text) is None
    assert modals.read_message_of(text) is None
    assert modals.read_channel(text) is None


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("https://files.slack.com/x.png", True),
        ("https://slack.com/x.png", True),
        ("http://files.slack.com/x.png", False),
        ("https://evil-slack.com/x.png", False),
        ("https://slack.com.evil.org/x.png", False),
        ("https://evil.org/?slack.com", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_the_token_goes_to_slacks_hosts_only(url: str, home: bool) -> None:
    assert is_home(url, SlackConfig().file_hosts) is home


def test_what_stands_in_for_slack_keeps_its_files_itself() -> None:
    config = SlackConfig(api_base="http://127.0.0.1:4003/api/")
    assert is_home("http://127.0.0.1:4003/files/x.png", config.file_hosts, config.stand_in)
    assert not is_home("http://127.0.0.1:4004/files/x.png", config.file_hosts, config.stand_in)
    assert not is_home("http://localhost:4003/files/x.png", config.file_hosts, config.stand_in)
    assert config.authorize_url == "http://127.0.0.1:4003/oauth/v2/authorize"
    assert SlackConfig().stand_in is None
    assert SlackConfig().authorize_url == "https://slack.com/oauth/v2/authorize"


def test_the_manifest_asks_for_what_the_code_uses() -> None:
    made = manifest(SPECS)
    assert made["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert made["settings"]["event_subscriptions"]["bot_events"] == sorted(EVENTS)
    assert made["settings"]["socket_mode_enabled"]
    http = manifest(SPECS, request_url="https://easel.example")
    assert http["settings"]["event_subscriptions"]["request_url"] == "https://easel.example/slack/events"
    assert not http["settings"]["socket_mode_enabled"]


def test_the_manifest_keeps_slacks_limits() -> None:
    for view in View:
        made = manifest(COMMANDS, name="x" * LONGEST_NAME, request_url="https://easel.example", view=view)
        features = made["features"]
        assert len(made["display_information"]["name"]) <= 35
        assert len(made["display_information"]["description"]) <= 140
        (command,) = features["slash_commands"]
        assert len(command["description"]) <= 2_000
        assert len(command["usage_hint"]) <= 1_000
        assert len(features["shortcuts"]) <= 10
        for shortcut in features["shortcuts"]:
            assert len(shortcut["name"]) <= 24
            assert len(shortcut["description"]) <= 150
        shown = features[f"{view}_view"]
        assert len(shown[f"{'agent' if view is View.AGENT else 'assistant'}_description"]) <= 300
        assert 1 <= len(shown["suggested_prompts"]) <= 4


def test_the_agent_view_subscribes_to_nothing_of_the_older_one() -> None:
    """Slack takes one or the other."""
    agent, assistant = manifest(COMMANDS), manifest(COMMANDS, view=View.ASSISTANT)
    assert not set(ASSISTANT_EVENTS) & set(agent["settings"]["event_subscriptions"]["bot_events"])
    assert set(ASSISTANT_EVENTS) <= set(assistant["settings"]["event_subscriptions"]["bot_events"])
    assert "assistant_view" not in agent["features"]
    assert "agent_view" not in assistant["features"]


def test_every_event_of_the_manifest_is_listened_to() -> None:
    """An event that nobody listens to is a permission for nothing, and an error in Slack's log."""
    source = Path(listeners.__file__).read_text()
    for event in {**EVENTS, **ASSISTANT_EVENTS}:
        assert f'"{event.partition(".")[0]}"' in source, event


def test_missing_scopes_are_named_with_their_reason() -> None:
    granted = ",".join(scope for scope in SCOPES if scope != "files:write")
    assert missing_scopes(granted) == ["files:write (to post pictures)"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SlackConfig(bot_token="abc", app_token="xapp-1"), "xoxb-"),
        (SlackConfig(bot_token="xoxb-1", app_token="zzz"), "xapp-"),
        (SlackConfig(app_token="xapp-1"), "needs EASEL_SLACK_BOT_TOKEN"),
        (SlackConfig(bot_token="xoxb-1"), "EASEL_SLACK_APP_TOKEN for Socket Mode"),
        (SlackConfig(signing_secret="s"), "client id and secret"),
    ],
)
def test_a_configuration_that_cannot_work_says_why(config: SlackConfig, words: str) -> None:
    assert any(words in problem for problem in config.problems())
