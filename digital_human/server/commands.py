"""``digital-human serve``: the live server. Its packages are imported when it runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import typer

from digital_human.config import Settings, settings
from digital_human.errors import ResourceError, install_fix

DEFAULT_PERSONA = "xihu"

Personas = Annotated[
    list[str] | None,
    typer.Option(
        "--persona", "-p", metavar="NAME",
        help="Who visitors may talk with: a name or a folder with persona.toml; may be given "
        "several times, the first is the default.",
    ),
]  # fmt: skip
Mind = Literal["llama", "openai", "none"]


def serve(
    persona: Personas = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; anything but loopback needs a token.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="DH_LIVE__TOKEN", help="Clients must send it as a bearer token."),
    ] = None,
    llm: Annotated[
        Mind | None,
        typer.Option(help="Language model: a GGUF here, an OpenAI-compatible server, or none."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Language model's name, or the path of a GGUF file.")
    ] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log as JSON lines.")] = False,
) -> None:
    """Let people talk with a digital human in their browser."""
    run = ready_to_run("serve")
    given = {
        "LIVE__HOST": host, "LIVE__PORT": port, "LIVE__TOKEN": token,
        "LLM__BACKEND": llm, "LLM__MODEL": model,
    }  # fmt: skip
    run(with_settings(given), persona or [DEFAULT_PERSONA], log_json=log_json)


def ready_to_run(what: str) -> Callable[..., None]:
    """`run`, imported when it is wanted.

    Args:
        what: The command that needs it.

    Raises:
        ResourceError: A package of the live server is missing.
    """
    # OpenMP threads that wait must not spin away the core another model needs; read when the
    # library is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        from digital_human.server.run import run
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"{what} needs the package {error.name!r}", fix=install_fix("live")
        ) from error
    return run


def with_settings(given: Mapping[str, object]) -> Settings:
    """The settings with those of the command line, for everything that reads them."""
    os.environ |= {f"DH_{key}": str(value) for key, value in given.items() if value is not None}
    settings.cache_clear()
    return settings()
