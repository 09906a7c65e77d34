"""Settings: one place, all problems at once, and an example file that cannot drift."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app import access, others_come
from bot.quotas import quotas
from bot.settings import Settings, SettingsError, example, load_settings, loopback, unknown_names
from handlers.quota_rules import Sharers, Unit
from imaging.engines.sdxl_settings import parse_loras

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of a developer and no EASEL_ variable of theirs reaches these tests."""
    import os

    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("EASEL_")]:
        monkeypatch.delenv(name)


def test_nothing_needs_to_be_configured() -> None:
    settings = load_settings()
    assert settings.engine == "mini"
    assert settings.llm_base_url == ""
    assert settings.home == Path("~/.easel").expanduser()


def test_the_example_file_is_what_the_settings_print() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example()


def test_the_example_file_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(example(), encoding="utf-8")
    assert load_settings() == Settings()


def test_everything_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_WEB_PORT", "a lot")
    monkeypatch.setenv("EASEL_LLM_BASE_URL", "localhost:8000")
    monkeypatch.setenv("EASEL_LORAS", "x.safetensors=strong")
    monkeypatch.setenv("EASEL_ENGINE", "sdxl")
    monkeypatch.setenv("EASEL_WEB_HOST", "0.0.0.0")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    said = str(caught.value)
    for name in ("WEB_PORT", "LLM_BASE_URL", "LORAS", "SDXL_MODEL", "WEB_PASSWORD"):
        assert f"EASEL_{name}" in said


def test_no_address_carries_a_user_or_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses are shown where keys are not: in sentences, logs, `easel settings`."""
    ours = [name for name in Settings.model_fields if re.search(r"_(base_url|api_base|gateway|cdn|public_url)$", name)]
    assert len(ours) >= 7
    for name in ours:
        scheme = "wss" if name.endswith("gateway") else "https"
        for user in ("ada:hunter2", "ada", ":hunter2", "ada:hunter2:more", "ada%40example:hunter2", ""):
            monkeypatch.setenv(f"EASEL_{name.upper()}", f"{scheme}://{user}@models.example/v1")
            with pytest.raises(SettingsError) as caught:
                load_settings()
            assert f"EASEL_{name.upper()}: must not carry a user or a password" in str(caught.value)
            assert "hunter2" not in str(caught.value)
        for broken in (f"{scheme}://models.example:port/v1", f"{scheme}://[::1/v1", f"{scheme}://:hunter2@/v1"):
            monkeypatch.setenv(f"EASEL_{name.upper()}", broken)
            with pytest.raises(SettingsError) as caught:
                load_settings()
            assert "hunter2" not in str(caught.value)
        monkeypatch.delenv(f"EASEL_{name.upper()}")


def test_a_secret_is_not_repeated_in_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_SLACK_BOT_TOKEN", "xoxb-very-secret")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "very-secret" not in str(caught.value)
    assert "EASEL_SLACK_APP_TOKEN" in str(caught.value)


def test_a_public_page_needs_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_WEB_PUBLIC_URL", "https://easel.example")
    with pytest.raises(SettingsError, match="EASEL_WEB_PASSWORD is empty, but EASEL_WEB_PUBLIC_URL"):
        load_settings()
    assert load_settings(web_password="long enough").web_public_url
    # Slack's requests carry a signature: they are taken, and the page stays closed.
    assert load_settings(slack_bot_token="xoxb-1", slack_signing_secret="s").slack_over_http
    with pytest.raises(SettingsError):
        load_settings(slack_bot_token="xoxb-1", slack_signing_secret="s", slack_app_token="xapp-1")


def test_a_login_stands_in_a_passwords_place() -> None:
    assert load_settings(web_login="invitation", web_public_url="https://easel.example")
    assert load_settings(web_login="invitation", web_host="0.0.0.0")
    with pytest.raises(SettingsError, match="EASEL_WEB_PROXIES is empty, but EASEL_WEB_LOGIN=proxy"):
        load_settings(web_login="proxy", web_public_url="https://easel.example")
    assert load_settings(web_login="proxy", web_proxies="10.0.0.7")


def test_a_password_that_is_guessed_in_no_time_is_refused() -> None:
    with pytest.raises(SettingsError, match="EASEL_WEB_PASSWORD: must have at least 8 characters"):
        load_settings(web_password="x")


@pytest.mark.parametrize("value", ["10.0.0.0/8, 192.0.2.7,::1", "", " "])
def test_proxies_are_named_by_address_or_network(value: str) -> None:
    assert load_settings(web_proxies=value)


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(SettingsError, match=r"EASEL_WEB_PROXIES: .* is no IP address"):
        load_settings(web_proxies="10.0.0.1, proxy.example")


@pytest.mark.parametrize("engine", ["openai", "dall-e", "SDXL "])
def test_an_engine_without_what_it_needs_stops_the_start(engine: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(engine=engine)


def test_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_WEB_PORT", "9999")
    assert load_settings(web_port=1234, home=None).web_port == 1234


def test_a_misspelt_variable_is_named_with_the_one_meant() -> None:
    sentences = unknown_names({"EASEL_LLM_BASEURL": "x", "PATH": "y", "EASEL_HOME": "z", "EASEL_QQQ": ""})
    assert sentences == [
        "EASEL_LLM_BASEURL is not a setting; did you mean EASEL_LLM_BASE_URL?",
        "EASEL_QQQ is not a setting.",
    ]


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=40)))
def test_garbage_is_a_settings_error_or_a_setting(values: dict[str, str]) -> None:
    said = ""
    try:
        load_settings(**values)
    except SettingsError as error:
        said = str(error)
    assert not said or "EASEL_" in said


def test_loras_are_paths_with_weights() -> None:
    assert parse_loras(" a.safetensors=0.5, b ,") == (("a.safetensors", 0.5), ("b", 1.0))


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("x.org", False)],
)
def test_loopback_hosts_are_known(host: str, expected: bool) -> None:
    assert loopback(host) is expected


def test_quotas_of_both_settings_hold(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, pictures_per_day=9, quotas="2 pictures in 1 h per channel")
    assert [(rule.sharers.value, rule.amount) for rule in quotas(settings, others_come(settings))] == [
        ("person", 9),
        ("channel", 2),
    ]


PUBLIC = {"web_public_url": "https://easel.example", "web_password": "x" * 12}
PAID = {"engine": "openai", "images_base_url": "https://images.example/v1"}


@pytest.mark.parametrize(
    ("given", "units"),
    [
        ({}, set()),
        ({"llm_base_url": "http://127.0.0.1:1/v1"}, set()),
        ({"llm_base_url": "https://llm.example/v1"}, {Unit.CALLS}),
        (PAID, {Unit.PICTURES}),
        ({"discord_token": "x"}, {Unit.MESSAGES, Unit.CALLS, Unit.BYTES}),
        ({"slack_bot_token": "x", "slack_app_token": "y"}, {Unit.MESSAGES, Unit.CALLS, Unit.BYTES}),
        (PUBLIC, {Unit.MESSAGES, Unit.CALLS, Unit.BYTES}),
        ({"web_password": "x" * 12, **PAID}, {Unit.MESSAGES, Unit.CALLS, Unit.BYTES, Unit.PICTURES}),
    ],
)
def test_where_others_come_or_money_flows_something_is_limited(
    tmp_path: Path, given: dict[str, str], units: set[Unit]
) -> None:
    settings = load_settings(home=tmp_path, **given)
    rules = quotas(settings, others_come(settings))
    assert {rule.unit for rule in rules} == units
    for unit in units:  # for each person and for all together
        assert {rule.sharers for rule in rules if rule.unit is unit} == {Sharers.PERSON, Sharers.ALL}


def test_the_hosts_quota_takes_the_place_of_the_default_for_the_same(tmp_path: Path) -> None:
    said = "5 calls a day per person; unlimited messages in 1 h in all; 9 messages in 1 min per role staff"
    rules = quotas(load_settings(home=tmp_path, discord_token="x", quotas=said), others=True)
    found = {(rule.sharers.value, rule.unit.value, rule.role): rule.amount for rule in rules}
    assert found["person", "calls", None] == 5
    assert found["all", "calls", None] == 6000
    assert found["all", "messages", None] == math.inf
    assert found["person", "messages", None] == 60
    assert found["person", "messages", "staff"] == 9


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quotas": "lots"}, "EASEL_QUOTAS: has a part that is no quota: 'lots'"),
        ({"quotas": "5 USD a day per channel"}, "EASEL_PICTURE_PRICE is 0, but EASEL_QUOTAS limits money."),
    ],
)
def test_quotas_that_mean_nothing_are_said(tmp_path: Path, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as told:
        load_settings(home=tmp_path, **wrong)
    assert said in str(told.value)


@pytest.mark.parametrize("chat", ["discord", "slack"])
@pytest.mark.parametrize(
    ("given", "direct"),
    [
        ({}, "all"),
        ({"channels_denied": "1"}, "members"),
        ({"roles_allowed": "1"}, "members"),
        ({"roles_allowed": "1", "direct": "all"}, "all"),
        ({"direct": "off"}, "off"),
    ],
)
def test_direct_messages_are_strict_as_soon_as_any_list_is_set(
    tmp_path: Path, chat: str, given: dict[str, str], direct: str
) -> None:
    settings = load_settings(home=tmp_path, **{f"{chat}_{name}": value for name, value in given.items()})
    assert access(settings)[chat].direct.value == direct


def test_lists_of_servers_and_workspaces_are_lists_too(tmp_path: Path) -> None:
    lists = access(load_settings(home=tmp_path, discord_servers_allowed="7", slack_workspaces_allowed="T7"))
    assert {one.direct.value for one in lists.values()} == {"members"}
