"""Settings from a TOML file and ``DH_*`` environment variables.

Order, the later wins: defaults, ``digital-human.toml`` in the home folder, the same file in the
current folder, the environment.
"""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field, ValidationError
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


class Settings(BaseSettings):
    """Where things are and who signs.

    Attributes:
        home: Weights, caches, certificates, pronunciation dictionary and audit log live under it.
        avatars_dir: Avatar bundles, one folder each.
        voices_dir: Voices, one TOML file each.
        assets_dir: The sample script and its pictures.
        threads: CPU threads the whole program may use; 0 means all cores.
        producer: Name or code of the content producer written into the AIGC label.
        certificate: PEM chain that signs files; empty means a local self-signed one.
        private_key: PEM key belonging to ``certificate``.
        weights: Own files for models: manifest file name → path, used instead of a download.
    """

    model_config = SettingsConfigDict(env_prefix="DH_", env_nested_delimiter="__", extra="forbid")

    home: Path = Field(default_factory=_home)
    avatars_dir: Path = Field(default_factory=lambda: _shipped("avatars"))
    voices_dir: Path = Field(default_factory=lambda: _shipped("voices"))
    assets_dir: Path = Field(default_factory=lambda: _shipped("assets"))
    threads: int = Field(default=0, ge=0)
    producer: str = "digital_human"
    certificate: Path | None = None
    private_key: Path | None = None
    weights: dict[str, Path] = Field(default_factory=dict)

    @property
    def models_dir(self) -> Path:
        """Verified weights."""
        return self.home / "models"

    @property
    def cache_dir(self) -> Path:
        """Clauses, segments and derived files; safe to delete."""
        return self.home / "cache"

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
