"""Settings from a TOML file and ``DH_*`` environment variables.

Order, the later wins: defaults, ``digital-human.toml`` in the home folder, the same file in the
current folder, the environment.
"""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from digital_human.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    """The folder ``name`` of a checkout, or the copy of it inside an installed wheel."""
    checkout = _PACKAGE.parent / name
    return checkout if (_PACKAGE.parent / "pyproject.toml").exists() else _PACKAGE / "data" / name


def _home() -> Path:
    return Path(os.environ.get("DH_HOME") or user_data_path("digital-human", appauthor=False))


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IceServer(_Section):
    """A STUN or TURN server, as a browser's ``RTCIceServer``.

    Attributes:
        urls: e.g. ``turn:turn.example.org:3478``.
        username: For TURN.
        credential: For TURN.
    """

    urls: list[str]
    username: str | None = None
    credential: SecretStr | None = None


class LlmSettings(_Section):
    """The language model.

    Attributes:
        backend: ``llama`` runs a GGUF here, ``openai`` asks a server that speaks OpenAI's chat API,
            ``none`` answers from the knowledge only.
        model: For ``llama`` a model of the manifest or the path of a GGUF file; for ``openai`` the
            server's name of the model.
        base_url: Of the server, e.g. ``https://api.deepseek.com/v1``.
        api_key: Of the server.
        context: Tokens of context.
        threads: CPU threads; 0 means all.
        gpu_layers: Layers put on a GPU where llama.cpp was built for one; -1 means all.
    """

    backend: Literal["llama", "openai", "none"] = "llama"
    model: str = "qwen2.5-coder-1.5b"
    base_url: str = ""
    api_key: SecretStr | None = None
    context: int = Field(default=4096, ge=512)
    threads: int = Field(default=0, ge=0)
    gpu_layers: int = -1


class SpeechApiSettings(_Section):
    """A server with OpenAI's speech API (``POST …/audio/speech``), for voices of ``speech-api``.

    Attributes:
        base_url: Of the server, e.g. ``http://127.0.0.1:9880/v1``.
        api_key: Of the server.
        model: The server's own name of the model.
        format: What it is asked for: ``wav``, or ``pcm`` (16 bit, mono, 24 kHz).
        timeout: Seconds without an answer after which it counts as down.
        extra: Further fields of the request that this server knows, e.g. ``{seed = 7}``.
    """

    base_url: str = ""
    api_key: SecretStr | None = None
    model: str = "tts-1"
    format: Literal["wav", "pcm"] = "wav"
    timeout: float = Field(default=30.0, gt=0, le=600)
    extra: dict[str, bool | int | float | str] = Field(default_factory=dict)


class XttsSettings(_Section):
    """Coqui XTTS v2, for voices of ``xtts``.

    Attributes:
        model: Folder with ``config.json``, ``model.pth`` and ``vocab.json``.
        device: ``auto`` takes a GPU where there is one.
    """

    model: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"


class LiveSettings(_Section):
    """The live server.

    Attributes:
        host: Address it listens on; anything but loopback needs ``token``.
        port: Port it listens on.
        token: Clients send it as ``Authorization: Bearer …``; empty only on loopback.
        visitor_token: A second token for pages and visitors: it may hold conversations, but not
            list sessions, read other people's, publish, record or see metrics.
        ice: STUN and TURN servers, for the server and for browsers; none by default.
        publish_to: Hosts that sessions may be published to by WHIP or RTMP; none by default.
        max_sessions: Fixed limit; 0 admits as many as the machine is measured to carry.
        origins: Web origins that may call the API from other pages.
        recordings: Where recordings go; by default ``recordings`` of the home.
        record_minutes: Minutes after which a recording ends by itself.
        publish_minutes: Minutes for which a server that cannot be published to is tried.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    token: SecretStr | None = None
    visitor_token: SecretStr | None = None
    ice: list[IceServer] = Field(default_factory=list)
    publish_to: list[str] = Field(default_factory=list)
    max_sessions: int = Field(default=0, ge=0)
    origins: list[str] = Field(default_factory=list)
    recordings: Path | None = None
    record_minutes: float = Field(default=240, gt=0)
    publish_minutes: float = Field(default=10, gt=0)


class KioskSettings(_Section):
    """The guide that stands in a museum.

    Attributes:
        restart: Local time, ``HH:MM``, at which server and browser start afresh when nobody is
            there; within an hour from then, at most once a night. Empty for never.
        wake: When the persona's name, said aloud, begins a visit: ``always``, ``blind`` (where and
            while no camera sees anything) or ``never``. The microphone is open then.
        camera_degrees: What the camera sees across the longer side of its picture; 60 to 78 for
            most webcams. Distances are told by it.
    """

    restart: str = Field(default="04:00", pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")
    wake: Literal["always", "blind", "never"] = "blind"
    camera_degrees: float = Field(default=70.0, ge=20, le=150)


class Settings(BaseSettings):
    """Where things are and who signs.

    Attributes:
        home: Weights, caches, certificates, pronunciation dictionary and audit log live under it.
        avatars_dir: Shipped avatar bundles, one folder each; the user's own are in the home.
        voices_dir: Voices, one TOML file each.
        assets_dir: The sample script and its pictures.
        threads: CPU threads the whole program may use; 0 means all cores.
        face: What draws photo avatars: ``mesh``, the 2D renderer, or ``neural``, the same with a
            network for the mouth, which needs torch and is for non-commercial use only
            (docs/neural.md).
        producer: Name or code of the content producer written into the AIGC label.
        certificate: PEM chain that signs files; empty means a local self-signed one.
        private_key: PEM key belonging to ``certificate``.
        weights: Own files for models: manifest file name → path, used instead of a download.
        llm: The language model of live sessions.
        speech_api: The server of voices whose engine is ``speech-api``.
        xtts: The model of voices whose engine is ``xtts``.
        live: The live server.
        kiosk: The kiosk.
    """

    model_config = SettingsConfigDict(env_prefix="DH_", env_nested_delimiter="__", extra="forbid")

    home: Path = Field(default_factory=_home)
    avatars_dir: Path = Field(default_factory=lambda: _shipped("avatars"))
    voices_dir: Path = Field(default_factory=lambda: _shipped("voices"))
    assets_dir: Path = Field(default_factory=lambda: _shipped("assets"))
    threads: int = Field(default=0, ge=0)
    face: Literal["mesh", "neural"] = "mesh"
    producer: str = "digital_human"
    certificate: Path | None = None
    private_key: Path | None = None
    weights: dict[str, Path] = Field(default_factory=dict)
    llm: LlmSettings = Field(default_factory=LlmSettings)
    speech_api: SpeechApiSettings = Field(default_factory=SpeechApiSettings)
    xtts: XttsSettings = Field(default_factory=XttsSettings)
    live: LiveSettings = Field(default_factory=LiveSettings)
    kiosk: KioskSettings = Field(default_factory=KioskSettings)

    @property
    def avatar_folders(self) -> tuple[Path, Path]:
        """Where avatars are: the user's own, then the shipped ones."""
        return self.home / "avatars", self.avatars_dir

    @property
    def models_dir(self) -> Path:
        """Verified weights."""
        return self.home / "models"

    @property
    def cache_dir(self) -> Path:
        """Clauses, segments and derived files; safe to delete."""
        return self.home / "cache"

    @property
    def recordings_dir(self) -> Path:
        """Recordings of live sessions."""
        return self.live.recordings or self.home / "recordings"

    @property
    def personas_dir(self) -> Path:
        """Personas that come with the program; the user's own are in ``personas`` of the home."""
        return self.assets_dir / "personas"

    @property
    def cpu_threads(self) -> int:
        """The thread budget, never below one."""
        return self.threads or max(1, len(os.sched_getaffinity(0)))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = [_home() / "digital-human.toml", Path("digital-human.toml")]
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, files))


@lru_cache
def settings() -> Settings:
    """The process's settings, read once; tests call ``settings.cache_clear()``."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise InputError(
            "settings: " + "; ".join(lines),
            fix=f"correct digital-human.toml (here or in {_home()}) or the DH_* environment",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"digital-human.toml: {error}", fix=f"correct the file (here or in {_home()})"
        ) from None
