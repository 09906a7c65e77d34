"""Every setting in one place: an `EASEL_…` environment variable each, or a line of `.env`.

`.env.example` is printed from these fields (`easel settings --example`), so it cannot drift.
"""

from __future__ import annotations

import difflib
import importlib.util
import ipaddress
import json
import math
import os
import shlex
import shutil
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.env_file import EnvFileError, hand_to_libraries, lines_of_it
from handlers.access import AgeRestricted
from handlers.moderation.model import Level
from handlers.moderation.policy import Borderline, Likeness, read_levels
from handlers.quota_rules import Unit, read_rules
from handlers.refinement import Refine
from handlers.sharing import LONGEST_DAYS
from imaging.engine_table import ENGINES, declared
from imaging.engine_table import names as engine_names
from prompts.profiles import profile_for

PREFIX = "EASEL_"
MIN_PASSWORD = 8
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
WRONG = "These settings are wrong:"


class SettingsError(Exception):
    """Everything that is wrong with the settings, one line each."""


class Login(StrEnum):
    """How the page knows who somebody is."""

    NONE = "none"
    """Guests, known by a cookie."""
    INVITATION = "invitation"
    """Whoever was let in by a link."""
    PROXY = "proxy"
    """A proxy in front signs people in, and names them in a header."""


class Precision(StrEnum):
    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


def _group(title: str, description: str, default: Any, **limits: Any) -> Any:
    return Field(default=default, description=description, json_schema_extra={"group": title}, **limits)


class Settings(BaseSettings):
    """What can be set. Empty values mean the default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = _group("General", "Database, pictures and caches live here.", Path("~/.easel"))
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _group("General", "How much is logged.", "INFO")
    log_format: Literal["text", "json"] = _group("General", "Lines for people, or JSON for a collector.", "text")
    retention_days: int = _group("General", "Delete words and pictures after so many days; 0 keeps them.", 0, ge=0)
    min_free_mib: int = _group("General", "With less free disk than this, in MiB, it is not ready.", 200, ge=1)
    synchronous: Literal["NORMAL", "FULL"] = _group(
        "General", "FULL flushes every commit to the disk: slower, and a power cut loses nothing.", "NORMAL"
    )
    job_days: int = _group("General", "Days for which ended jobs of the queue stay on file.", 7, ge=1)

    audit_days: int = _group("General", "Days for which `easel audit` knows what was done and refused.", 90, ge=1)
    backup_passphrase: SecretStr = _group("General", "Set: `easel backup` encrypts with it.", SecretStr(""))

    llm_base_url: str = _group("Language model", "OpenAI-compatible endpoint (…/v1); empty: the embedded model.", "")
    llm_model: str = _group("Language model", "The model's name at that endpoint; empty: the first it lists.", "")
    llm_api_key: SecretStr = _group("Language model", "Its key.", SecretStr(""))
    llm_profile: str = _group("Language model", "Family of the model (see docs); auto: from its name.", "auto")
    llm_timeout_s: float = _group("Language model", "Longest silence before the model is given up.", 60.0, gt=0)
    llm_context_tokens: int = _group("Language model", "Token budget of one request.", 8000, ge=512)
    llm_max_tokens: int = _group("Language model", "Longest reply.", 1024, ge=16)
    llm_temperature: float | None = _group(
        "Language model", "Sampling temperature; none: the endpoint's own.", 0.7, ge=0, le=2
    )
    llm_effort: str = _group(
        "Language model", "How hard a thinking model thinks: none, low, medium, high …; empty: its own.", "",
        pattern=r"^[a-z0-9_-]{0,20}$",
    )  # fmt: skip
    llm_system_role: bool = _group(
        "Language model", "Whether the model has a system role; false: its text opens the first message.", True
    )
    llm_extra_body: str = _group(
        "Language model", "More fields of each request, as a JSON object; null takes a field out.", ""
    )
    refine_prompts: Refine = _group("Language model", "May it embellish descriptions: off, auto, always.", Refine.OFF)

    engine: str = _group("Pictures", f"{', '.join(f'{row.name} ({row.kind})' for row in ENGINES.values())}.", "mini")
    edit_engine: str = _group("Pictures", "Engine that changes pictures; empty: EASEL_ENGINE. See docs/engines.md.", "")
    edit_engine_takes: Literal["all", "hard"] = _group(
        "Pictures", "all changes, or the hard ones: those that the picture's own engine does not make beside it.", "all"
    )
    overflow_engine: str = _group(
        "Pictures", "Engine that draws new pictures while EASEL_ENGINE is busy; empty: they wait.", ""
    )
    overflow_after_s: float = _group("Pictures", "Busy is who has work for more seconds than this.", 60, ge=0)
    thread_engines: str = _group(
        "Pictures", "Engines that people may choose for a thread (/settings), by commas; empty: none.", ""
    )
    engine_devices: str = _group(
        "Pictures", "Devices of single engines, by semicolons: diffusers=cuda:1; else EASEL_DEVICES.", ""
    )
    devices: str = _group("Pictures", "auto, cpu, mps, cuda:0 or several by commas: one worker each.", "auto")
    worker_idle_minutes: float = _group("Pictures", "Let a worker go after so long without work; 0 keeps it.", 0, ge=0)
    worker_silence_s: float = _group("Pictures", "A worker with work that is silent for so long is killed.", 900, gt=0)
    threads: int = _group("Pictures", "CPU threads of one worker; 0: one a core, at most 4.", 0, ge=0, le=256)
    precision: Precision = _group(
        "Pictures", "auto, float32, bfloat16 or float16; auto: what the device is fast with.", Precision.AUTO
    )
    sdxl_model: str = _group(
        "Pictures", "SDXL checkpoint: folder, .safetensors file, hub id or hub id with a file (owner/name/file).", ""
    )
    sdxl_family: str = _group(
        "Pictures",
        "Family whose numbers and words hold (Pony, Lightning + Pony …); auto: by file, name and title.",
        "auto",
    )
    steps: int = _group("Pictures", "Denoising steps; 0: the family's.", 0, ge=0, le=200)
    guidance: float = _group("Pictures", "Guidance scale, 0 to 50; -1: the family's.", -1, ge=-1, le=50)
    guidance_rescale: float = _group(
        "Pictures", "How far guidance is rescaled against overexposure, 0 to 1; -1: the family's.", -1, ge=-1, le=1
    )
    sampler: str = _group(
        "Pictures",
        "euler, euler_a, dpmpp_2m, dpmpp_2m_sde, unipc (with -karras or -trailing), ddim, lcm; auto: the family's.",
        "auto",
    )
    quality_words: str = _group("Pictures", "Words for every prompt; auto: the family's; none: no words.", "auto")
    negative_words: str = _group("Pictures", "What no picture shall show; auto and none likewise.", "auto")
    native_size: int = _group("Pictures", "Pixels a side of square pictures; 0: the family's.", 0, ge=0, le=2048)
    prediction: Literal["auto", "epsilon", "v_prediction", "sample"] = _group(
        "Pictures", "What the checkpoint predicts: epsilon, v_prediction, sample; auto: what it says itself.", "auto"
    )
    clip_skip: int = _group("Pictures", "Layer of the text encoders from the end; SDXL's own is 2.", 2, ge=1, le=12)
    vae: str = _group("Pictures", "VAE in place of the checkpoint's: .safetensors file, folder or hub id.", "")
    ip_adapter: str = _group(
        "Pictures",
        "IP-Adapter weights for SDXL: folder, .safetensors file or hub id (h94/IP-Adapter); empty: none.",
        "",
    )
    loras: str = _group(
        "Pictures", "SDXL LoRAs: name=weight, several by commas; a name is a .safetensors file, folder or hub id.", ""
    )
    diffusers_model: str = _group(
        "Pictures", "Pipeline of diffusers: folder or hub id (black-forest-labs/FLUX.2-klein-4B).", ""
    )
    diffusers_steps: int = _group("Pictures", "Its steps; 0: the pipeline's own.", 0, ge=0, le=200)
    diffusers_guidance: float = _group("Pictures", "Its guidance; -1: the pipeline's own.", -1, ge=-1, le=50)
    diffusers_size: int = _group(
        "Pictures", "Pixels a side of its square pictures; 0: the pipeline's own.", 0, ge=0, le=2048, multiple_of=16
    )
    diffusers_offload: Literal["auto", "none", "model", "sequential"] = _group(
        "Pictures", "Weights that wait in main memory: none, all but one part (model), all but one layer.", "auto"
    )
    images_base_url: str = _group("Pictures", "OpenAI-compatible images endpoint (…/v1).", "")
    images_model: str = _group("Pictures", "The model's name at that endpoint; empty: one that it lists.", "")
    images_api_key: SecretStr = _group("Pictures", "Its key.", SecretStr(""))
    comfyui_url: str = _group("Pictures", "ComfyUI server (http://127.0.0.1:8188); docs/comfyui.md.", "")
    comfyui_auth: SecretStr = _group(
        "Pictures", "For a proxy before it: user:password, or a header (Authorization: Bearer KEY).", SecretStr("")
    )
    comfyui_workflow: str = _group("Pictures", "Workflow file (API format) that draws new pictures.", "")
    comfyui_edit: str = _group("Pictures", "Workflow file that changes a picture; empty: edits are drawn anew.", "")
    comfyui_refine: str = _group("Pictures", "Workflow file that makes it larger; empty: the one for edits.", "")

    mark_signature: bool = _group("Marking", "Pictures leave with signed Content Credentials (C2PA).", True)
    mark_watermark: bool = _group("Marking", "They leave with an invisible mark in the pixels.", True)
    mark_metadata: bool = _group("Marking", "They leave with IPTC's digital source type (XMP).", True)
    mark_label: bool = _group("Marking", "They leave with a label that people see.", False)
    mark_certificate: str = _group(
        "Marking", "PEM file of your certificate with its chain; empty: one that Easel makes, which nobody knows.", ""
    )
    mark_key: str = _group("Marking", "PEM file of its private key (PKCS #8).", "")
    mark_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = _group(
        "Marking", "What its key signs with: es256, es384, es512, ps256, ps384, ps512, ed25519.", "es256"
    )
    mark_timestamp_url: str = _group(
        "Marking", "Time-stamp authority (RFC 3161) that is asked for each picture; empty: none.", ""
    )

    max_message_chars: int = _group("Limits", "Longest message that is answered.", 8000, ge=1)
    max_pictures_per_reply: int = _group("Limits", "Pictures of one reply.", 4, ge=1, le=16)
    pictures_per_day: int = _group("Limits", "Pictures of one person a day; 0: the default.", 0, ge=0)
    quotas: str = _group(
        "Limits",
        "Quotas by semicolons: 9 pictures in 10 min per person; 5 USD a day in all …; docs/operations.md has more.",
        "",
    )
    picture_price: float = _group("Limits", "What one picture costs you, in the currency of the quotas.", 0.0, ge=0)
    engine_prices: str = _group("Limits", "The same of single engines, by semicolons: openai=0.04; mini=0.", "")
    call_price: float = _group("Limits", "What one call of the language model costs you, likewise.", 0.0, ge=0)
    answers_at_once: int = _group("Limits", "Answers written at once; others wait their turn. 0: no limit.", 100, ge=0)
    answers_per_person: int = _group("Limits", "The same of one person.", 8, ge=0)
    max_upload_mb: int = _group("Limits", "Largest reference picture, in MiB.", 20, ge=1, le=200)
    queue_length: int = _group("Limits", "Jobs that may wait in all.", 500, ge=1)
    queue_per_person: int = _group("Limits", "Jobs of one person that may wait.", 40, ge=1)
    queue_per_thread: int = _group("Limits", "Jobs of one thread that may wait.", 60, ge=1)

    moderation_level: Level = _group(
        "Moderation", "How much is refused: off, standard, strict; sexual scenes with minors always are.",
        Level.STANDARD,
    )  # fmt: skip
    moderation_categories: str = _group(
        "Moderation",
        "Levels of single categories, by commas: violence=off, hate=strict …; also sexual, self-harm, real-people.",
        "",
    )
    moderation_age_restricted: Literal["same", "off", "standard", "strict"] = _group(
        "Moderation", "Level of Discord's age-restricted channels, as EASEL_MODERATION_LEVEL or same.", "same"
    )
    moderation_borderline: Borderline = _group(
        "Moderation", "Borderline pictures at level standard: spoiler (covered until a click), refuse.",
        Borderline.SPOILER,
    )  # fmt: skip
    moderation_rules: str = _group(
        "Moderation", "Folder with word rules of yours (*.toml); empty: moderation in EASEL_HOME, where there is one.",
        "",
    )  # fmt: skip
    moderation_likeness: Likeness = _group(
        "Moderation", "Real people in scenes that nobody could mind: allow, refuse.", Likeness.ALLOW
    )
    moderation_previews: Literal["auto", "shown", "cleared", "none"] = _group(
        "Moderation",
        "Unfinished pictures: shown, cleared (each once it was looked at), none; auto: none where pictures are judged.",
        "auto",
    )
    moderation_unavailable: Literal["closed", "open"] = _group(
        "Moderation", "A moderator that fails: closed refuses what it cannot judge, open lets the others decide.",
        "closed",
    )  # fmt: skip
    moderation_reports: int = _group(
        "Moderation", "So many people's reports hide a picture until a moderator has looked; 0: moderators alone.",
        3, ge=0, le=1000,
    )  # fmt: skip
    moderation_record_days: int = _group(
        "Moderation", "Days for which a report is kept once it is decided: category, times, SHA-256, pseudonyms.",
        180, ge=1,
    )  # fmt: skip
    moderation_timeout_s: float = _group("Moderation", "Longest wait for one judgement.", 10.0, gt=0, le=120)
    moderation_base_url: str = _group(
        "Moderation", "OpenAI-compatible endpoint (…/v1) that judges words and pictures; empty: none.", ""
    )
    moderation_model: str = _group("Moderation", "The model's name at that endpoint.", "omni-moderation-latest")
    moderation_api_key: SecretStr = _group("Moderation", "Its key.", SecretStr(""))
    moderation_endpoint_sees: Literal["both", "words", "pictures"] = _group(
        "Moderation", "What it is sent: both, words, pictures.", "both"
    )
    moderation_local: bool = _group(
        "Moderation", "Judge pictures on this machine; needs pip install nudenet==3.4.2 (AGPL-3.0).", False
    )
    moderation_command: str = _group(
        "Moderation", "A program of yours that judges; docs/moderation.md says what it reads and answers.", ""
    )

    web_host: str = _group("Web page", "Address to listen on.", "127.0.0.1")
    web_port: int = _group("Web page", "Port to listen on; 0: any free one.", 8765, ge=0, le=65535)
    web_password: SecretStr = _group(
        "Web page",
        "Asked for when set (8 characters or more); needed for any host but loopback, and for a public URL.",
        SecretStr(""),
    )
    web_public_url: str = _group("Web page", "The address people use, when a proxy stands in front.", "")

    web_share_days: int = _group(
        "Web page",
        "How many days links may be good by which others look at one thread (/share); 0: there are no such links.",
        0,
        ge=0,
        le=LONGEST_DAYS,
    )
    web_login: Login = _group(
        "Web page", "Who is told apart: none (guests), invitation (easel invite), proxy (a login in front).", Login.NONE
    )
    web_login_header: str = _group("Web page", "Where a login proxy of EASEL_WEB_PROXIES names people.", "Remote-User")
    web_admins: str = _group("Web page", "Whom a login proxy's names make admins, by commas.", "")
    web_moderators: str = _group("Web page", "Whom they make moderators, by commas.", "")
    web_proxies: str = _group(
        "Web page",
        "Addresses or networks of proxies that are believed when they say who asks (X-Forwarded-For), by commas; "
        "empty: with a public URL, a proxy on this machine.",
        "",
    )

    discord_token: SecretStr = _group("Discord", "Bot token; empty: no Discord.", SecretStr(""))
    discord_channels_allowed: str = _group("Discord", "Channel or category ids to work in, by commas; empty: all.", "")
    discord_channels_denied: str = _group("Discord", "Channel or category ids to stay out of, by commas.", "")
    discord_roles_allowed: str = _group("Discord", "Ids of the roles that may use it, by commas; empty: all.", "")
    discord_roles_denied: str = _group("Discord", "Ids of roles that may not, by commas.", "")
    discord_servers_allowed: str = _group("Discord", "Ids of servers to work in, by commas; empty: all.", "")
    discord_direct: Literal["auto", "off", "members", "all"] = _group(
        "Discord", "Direct messages and private installs: off, members, all; auto: members if a list is set.", "auto"
    )
    discord_age_restricted: AgeRestricted = _group(
        "Discord", "Age-restricted channels: same, never, only.", AgeRestricted.SAME
    )
    discord_api_base: str = _group("Discord", "REST address.", "https://discord.com/api/v10")
    discord_gateway: str = _group("Discord", "Gateway address; empty: ask the REST address.", "")
    discord_cdn: str = _group("Discord", "Where attachments lie.", "https://cdn.discordapp.com")

    slack_bot_token: SecretStr = _group("Slack", "xoxb-… token; empty: no Slack.", SecretStr(""))
    slack_app_token: SecretStr = _group("Slack", "xapp-… token for Socket Mode.", SecretStr(""))
    slack_signing_secret: SecretStr = _group("Slack", "For HTTP mode, which listens on the web port.", SecretStr(""))
    slack_client_id: str = _group("Slack", "For installs by OAuth in many workspaces.", "")
    slack_client_secret: SecretStr = _group("Slack", "Its secret.", SecretStr(""))
    slack_channels_allowed: str = _group("Slack", "Channel ids it may talk in, by commas; empty: all.", "")
    slack_channels_denied: str = _group("Slack", "Channel ids to stay out of, by commas.", "")
    slack_roles_allowed: str = _group(
        "Slack", "Who may use it: member, guest, external or ids of user groups, by commas; empty: all.", ""
    )
    slack_roles_denied: str = _group("Slack", "Who may not, likewise.", "")
    slack_workspaces_allowed: str = _group("Slack", "Ids of workspaces that may use it, by commas; empty: all.", "")
    slack_direct: Literal["auto", "off", "members", "all"] = _group(
        "Slack", "Direct messages: off, members, all; auto: members if a list is set.", "auto"
    )
    slack_api_base: str = _group("Slack", "Web API address.", "https://slack.com/api/")

    @field_validator("home")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        try:
            return value.expanduser()
        except RuntimeError:
            raise ValueError("begins with ~ and a user who is not known here") from None

    @field_validator(
        "llm_base_url",
        "images_base_url",
        "comfyui_url",
        "moderation_base_url",
        "mark_timestamp_url",
        "discord_api_base",
        "discord_cdn",
        "slack_api_base",
        "web_public_url",
    )
    @classmethod
    def _http(cls, value: str) -> str:
        return _address(value, ("http", "https"))

    @field_validator("discord_gateway")
    @classmethod
    def _websocket(cls, value: str) -> str:
        return _address(value, ("ws", "wss"))

    @field_validator("llm_temperature", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().casefold() == "none" else value

    @field_validator("llm_effort", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().casefold() if isinstance(value, str) else value

    @field_validator("llm_extra_body")
    @classmethod
    def _object(cls, value: str) -> str:
        extra_body(value)
        return value

    @field_validator("llm_profile")
    @classmethod
    def _profile(cls, value: str) -> str:
        profile_for("", value)
        return value

    @field_validator("quotas")
    @classmethod
    def _quotas(cls, value: str) -> str:
        read_rules(value)
        return value

    @field_validator("moderation_categories")
    @classmethod
    def _levels(cls, value: str) -> str:
        read_levels(value)
        return value

    @field_validator("moderation_command")
    @classmethod
    def _words_of_a_command(cls, value: str) -> str:
        try:
            shlex.split(value)
        except ValueError as error:
            raise ValueError(f"cannot be read as a command: {error}") from None
        return value

    @field_validator("web_password")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < MIN_PASSWORD:
            raise ValueError(f"must have at least {MIN_PASSWORD} characters")
        return value

    @field_validator("web_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        parse_networks(value)
        return value

    @field_validator("engine")
    @classmethod
    def _engine(cls, value: str) -> str:
        return known_engine(value)

    @field_validator("edit_engine", "overflow_engine")
    @classmethod
    def _other_engine(cls, value: str) -> str:
        return value and known_engine(value)

    @field_validator("thread_engines")
    @classmethod
    def _engines(cls, value: str) -> str:
        return ", ".join(known_engine(part.strip()) for part in value.split(",") if part.strip())

    @field_validator("engine_devices")
    @classmethod
    def _devices_of_engines(cls, value: str) -> str:
        of_engines(value)
        return value

    @field_validator("engine_prices")
    @classmethod
    def _prices_of_engines(cls, value: str) -> str:
        prices(value)
        return value

    @field_validator("sampler")
    @classmethod
    def _sampler(cls, value: str) -> str:
        return value if value == "auto" else known_sampler(value)

    @field_validator("native_size")
    @classmethod
    def _native_size(cls, value: int) -> int:
        if value and (value < 256 or value % 64):
            raise ValueError("must be a multiple of 64 from 256 on, or 0")
        return value

    @field_validator("loras")
    @classmethod
    def _loras(cls, value: str) -> str:
        from imaging.engines.sdxl_settings import parse_loras

        parse_loras(value)
        return value

    @model_validator(mode="after")
    def _together(self) -> Settings:
        problems = list(self._missing())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _missing(self) -> list[str]:
        found = [line for name in self.engines for line in declared(name).missing(self.plain())]
        found += self._overflow()
        if self.moderation_local and importlib.util.find_spec("nudenet") is None:
            found.append(
                "EASEL_MODERATION_LOCAL needs a package more: .venv/bin/pip install nudenet==3.4.2 (AGPL-3.0)."
            )
        command = shlex.split(self.moderation_command)
        if command and shutil.which(command[0]) is None:
            found.append(f"EASEL_MODERATION_COMMAND: there is no program {command[0]} here that can be started.")
        if bool(self.mark_certificate) != bool(self.mark_key):
            found.append("EASEL_MARK_CERTIFICATE and EASEL_MARK_KEY belong together; one of them is empty.")
        priced = any(rule.unit is Unit.MONEY for rule in read_rules(self.quotas))
        if priced and not (self.picture_price or self.call_price or any(prices(self.engine_prices).values())):
            found.append("EASEL_PICTURE_PRICE is 0, but EASEL_QUOTAS limits money.")
        if not self.web_password.get_secret_value() and self.web_login is Login.NONE:
            way_out = "set EASEL_WEB_PASSWORD, or EASEL_WEB_LOGIN"
            if not loopback(self.web_host):
                found.append(f"EASEL_WEB_PASSWORD is empty, but EASEL_WEB_HOST can be reached by others: {way_out}.")
            elif self.web_public_url and not self.slack_over_http:
                found.append(f"EASEL_WEB_PASSWORD is empty, but EASEL_WEB_PUBLIC_URL lets others in: {way_out}.")
        if self.web_login is Login.PROXY and not self.web_proxies:
            found.append("EASEL_WEB_PROXIES is empty, but EASEL_WEB_LOGIN=proxy believes only proxies that it names.")
        slack = self.slack_bot_token.get_secret_value()
        if slack and not (self.slack_app_token.get_secret_value() or self.slack_signing_secret.get_secret_value()):
            found.append("EASEL_SLACK_BOT_TOKEN needs EASEL_SLACK_APP_TOKEN or EASEL_SLACK_SIGNING_SECRET too.")
        return found

    def _overflow(self) -> list[str]:
        """Who lets others spend money says how much, before anything is spent."""
        name = self.overflow_engine
        if not name:
            return []
        if name == self.engine:
            return ["EASEL_OVERFLOW_ENGINE is EASEL_ENGINE itself; name another engine, or none."]
        if not ENGINES[name].address:
            return []
        found = []
        if not prices(self.engine_prices).get(name, self.picture_price):
            found.append(
                f"EASEL_OVERFLOW_ENGINE may cost you money: say what one picture does, EASEL_ENGINE_PRICES={name}=0.04."
            )
        if not any(rule.unit is Unit.MONEY and rule.role is None for rule in read_rules(self.quotas)):
            found.append(
                "EASEL_OVERFLOW_ENGINE may cost you money: say how much at most in EASEL_QUOTAS (5 USD a day in all)."
            )
        return found

    @property
    def engines(self) -> tuple[str, ...]:
        """All engines that run, without repeats; the first draws new pictures."""
        others = (part.strip() for part in self.thread_engines.split(","))
        return tuple(dict.fromkeys(filter(None, (self.engine, self.edit_engine, *others, self.overflow_engine))))

    def plain(self) -> dict[str, Any]:
        """Every setting by its name, secrets in plain, for who may not know this class."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: it.get_secret_value() if isinstance(it, SecretStr) else it for name, it in found.items()}

    @property
    def slack_over_http(self) -> bool:
        """Whether Slack's requests come to the web port. They carry a signature; the page needs a password of its own,
        and stays closed without one."""
        return bool(self.slack_signing_secret.get_secret_value()) and not self.slack_app_token.get_secret_value()


def _address(value: str, schemes: tuple[str, ...]) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"must be an address that begins with {' or '.join(s + '://' for s in schemes)}")
    _ = parts.port  # raises for a port that is none
    if parts.username is not None or parts.password is not None:
        # An address is shown in places where a key never is.
        raise ValueError("must not carry a user or a password; take out what stands before the @")
    return value


def loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def extra_body(value: str) -> dict[str, Any]:
    """The fields of a JSON object; empty text has none.

    Raises:
        ValueError: it is no JSON object, or takes over what Easel itself says.
    """
    try:
        fields = json.loads(value) if value.strip() else {}
    except (ValueError, RecursionError):
        raise ValueError('must be a JSON object, such as {"top_p": 0.9}') from None
    if not isinstance(fields, dict):
        raise ValueError('must be a JSON object, such as {"top_p": 0.9}')
    own = sorted({"messages", "model", "stream", "n"} & set(fields))
    if own:
        raise ValueError(f"must not set {', '.join(own)}: Easel does")
    return fields


def known_engine(value: str) -> str:
    """
    Raises:
        ValueError: there is none of that name.
    """
    quote = "'"
    if value not in ENGINES:
        raise ValueError(f"Input should be {engine_names(quote)}")
    return value


def of_engines(value: str) -> dict[str, str]:
    """`NAME=value; NAME=value` → by engine.

    Raises:
        ValueError: a part is none, or names no engine.
    """
    found = {}
    for part in filter(None, (part.strip() for part in value.split(";"))):
        name, equals, said = (each.strip() for each in part.partition("="))
        if not equals or not said:
            raise ValueError(f"has a part that is not like NAME=VALUE: {part[:80]!r}")
        found[known_engine(name)] = said
    return found


def prices(value: str) -> dict[str, float]:
    """What one picture costs, by engine.

    Raises:
        ValueError: it cannot be read, or is less than nothing.
    """
    found = {}
    for name, said in of_engines(value).items():
        try:
            found[name] = float(said)
        except ValueError:
            raise ValueError(f"has a price that is no number: {said[:40]!r}") from None
        if not 0 <= found[name] < math.inf:
            raise ValueError(f"has a price that is less than 0, or no number: {said[:40]!r}")
    return found


def known_sampler(value: str) -> str:
    """A sampler by any of its usual names.

    Raises:
        ValueError: there is none of that name.
    """
    from imaging.engines.samplers import canonical
    from imaging.errors import EngineError

    try:
        return canonical(value)
    except EngineError as error:
        raise ValueError(str(error)) from None


def parse_networks(value: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, 192.0.2.7, …` → networks; an address alone is a network of one.

    Raises:
        ValueError: one is neither.
    """
    found = []
    for item in filter(None, (part.strip() for part in value.split(","))):
        try:
            found.append(ipaddress.ip_network(item))
        except ValueError:
            raise ValueError(f"{item!r} is no IP address and no network such as 10.0.0.0/8") from None
    return tuple(found)


def proxies(settings: Settings) -> tuple[Network, ...]:
    """Who is believed about where a request comes from. Whoever has a public address and listens on the loopback only
    has a proxy on this machine."""
    if settings.web_proxies or not settings.web_public_url or not loopback(settings.web_host):
        return parse_networks(settings.web_proxies)
    return parse_networks("127.0.0.0/8, ::1")


def load_settings(**overrides: Any) -> Settings:
    """Read environment and `.env`; `overrides` come from the command line and win.

    Raises:
        SettingsError: names everything that is wrong, one line each.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        hand_to_libraries()
    except EnvFileError as error:
        raise SettingsError(f"{WRONG}\n  {error}") from None
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = _explain(error)
        wrong = {str(item["loc"][0]).lower() for item in error.errors() if item["loc"]}
    if wrong:
        # Checks between fields do not run beside a wrong field: ask again with the defaults in their place.
        try:
            Settings(**given | {name: Settings.model_fields[name].default for name in wrong})
        except ValidationError as error:
            problems += _explain(error)
    raise SettingsError("\n  ".join([WRONG, *problems]))


def _explain(error: ValidationError) -> list[str]:
    lines: list[str] = []
    for item in error.errors(include_url=False, include_input=False):
        message = item["msg"].removeprefix("Value error, ")
        if item["loc"]:
            name = str(item["loc"][0]).upper().removeprefix(PREFIX)
            lines.append(f"{PREFIX}{name}: {message}")
        else:
            lines += message.splitlines()
    return lines


def unknown_names(environment: Mapping[str, str] | None = None, file: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each `EASEL_…` name, in the environment or in `.env`, that is no setting: most are misspelt."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    sentences = []
    if file is None:
        try:
            file = lines_of_it()
        except EnvFileError:  # said where it is read
            file = {}
    for names, where in ((environment if environment is not None else os.environ, ""), (file, " (in .env)")):
        for name in sorted(names):
            if name.upper().startswith(PREFIX) and name.upper() not in known:
                near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.8)
                sentences.append(f"{name}{where} is not a setting" + (f"; did you mean {near[0]}?" if near else "."))
    return sentences


def example() -> str:
    """The text of `.env.example`: every setting, what it means, and its default."""
    lines = ["# Every setting of Easel with its default. Copy to .env and change what you need."]
    group = None
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        title = extra["group"] if isinstance(extra, dict) else ""
        if title != group:
            lines += ["", f"# --- {title}"]
            group = title
        lines += [f"# {field.description}", f"{PREFIX}{name.upper()}={_shown(field.default)}"]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
