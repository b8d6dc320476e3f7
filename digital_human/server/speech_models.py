"""What comes in and goes out of the calls of OpenAI's audio interface."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from digital_human.server.sound import Format
from digital_human.speech.types import Language

INPUT_LIMIT = 4096
"""Characters of one speech, as at OpenAI."""

# A form has no null: a field is there or not.
_FormLanguage = Annotated[
    Language | None, WithJsonSchema({"type": "string", "enum": ["zh", "en", "ja"]})
]
TranscriptFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]
Granularity = Literal["word", "segment"]


class SpeechRequest(BaseModel):
    """A text to be spoken."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"model": "kokoro", "voice": "xiaoyi", "input": "你好，欢迎收看。"}]
        },
    )

    model: str = Field(
        max_length=100, description="Any name: the voice chooses the engine that speaks."
    )
    input: str = Field(
        pattern=r"\S", min_length=1, max_length=INPUT_LIMIT, examples=["你好，欢迎收看。"],
        description="What to say.",
    )  # fmt: skip
    voice: str = Field(
        pattern="^[a-z][a-z0-9-]*$", max_length=64, examples=["xiaoyi"],
        description="A voice of `digital-human voice list`.",
    )  # fmt: skip
    response_format: Format = Field(
        default="mp3", description="`pcm`: 16 bit little-endian mono at 24 kHz, without a header."
    )
    speed: float = Field(default=1.0, ge=0.5, le=2.0, description="Times the voice's own tempo.")
    stream: bool = Field(default=False, description="Send each clause as soon as it is spoken.")
    language: Language | None = Field(
        default=None, description="Of the text; the voice's own by default."
    )
    label: Literal["audible", "elsewhere"] = Field(
        default="audible",
        description=(
            "`audible` puts the label of generated sound before it. `elsewhere` leaves it out: the "
            "caller sees to it that listeners are told, for instance by a label in the picture. "
            "The label in the metadata and in the header `AIGC` stays."
        ),
    )


class TranscriptionRequest(BaseModel):
    """A recording to be written down."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile = Field(description="wav, flac, mp3, ogg, m4a or webm; at most 25 MB.")
    model: str = Field(min_length=1, max_length=100, description="Any name.")
    language: _FormLanguage = Field(
        default=None, description="Spoken language; Chinese or English when left out."
    )
    prompt: str = Field(default="", max_length=400, description="Names that may come up.")
    response_format: TranscriptFormat = "json"
    temperature: float = Field(
        default=0.0, ge=0, le=1, description="Taken for compatibility; decoding is greedy."
    )
    granularities: list[Granularity] = Field(
        default=[], alias="timestamp_granularities[]", max_length=2,
        description="`word` adds the times of words to `verbose_json`.",
    )  # fmt: skip


class Transcription(BaseModel):
    """What was said."""

    text: str


class SpokenWord(BaseModel):
    """A word and its time."""

    word: str
    start: float = Field(description="Seconds.")
    end: float


class Segment(BaseModel):
    """A stretch of speech between pauses."""

    id: int
    seek: int = 0
    start: float = Field(description="Seconds.")
    end: float
    text: str
    tokens: list[int] = []
    temperature: float = 0.0
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class VerboseTranscription(Transcription):
    """What was said, and when."""

    task: Literal["transcribe"] = "transcribe"
    language: str = Field(description="English name of the language, as OpenAI gives it.")
    duration: float
    segments: list[Segment]
    words: list[SpokenWord] | None = Field(
        default=None, description="With `timestamp_granularities[]=word`: by forced alignment."
    )
