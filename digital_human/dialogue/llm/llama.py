"""A GGUF model in this process, through llama.cpp."""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import functools
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from digital_human.config import LlmSettings, settings
from digital_human.dialogue.llm.base import (
    Leaning,
    LineForm,
    Message,
    Written,
    never,
    shortened,
)
from digital_human.dialogue.llm.cells import SEQUENCES, Cells
from digital_human.dialogue.llm.library import VERSION, C, Stop, quiet
from digital_human.dialogue.llm.lines import Characters, LineWriter
from digital_human.dialogue.llm.sequences import Slot
from digital_human.dialogue.llm.shelf import Shelf, Tokens, fingerprint
from digital_human.errors import InputError, ResourceError, WeightsError
from digital_human.models import store

_BATCH = 64  # prompt tokens read in one go: as fast as 512 on a processor, and a shorter wait
_GPU_BATCH = 512
_AHEAD_BATCH = 16  # the same for what may be given up any time
_CELLS = 2  # times the context of one prompt
_FLASH_ATTENTION = 1  # skips cells of other sequences
_TEMPERATURE, _TOP_P, _TOP_K, _SEED = 0.2, 0.8, 20, 7
_REPEATED, _PENALTY = 64, 1.05
_GUESSED = 2  # tokens of an answer that are guessed at a time
_MARK_TOKENS = 2  # of a verse, at most, behind each line
_SHELF = "passages"  # folder in the cache


class LlamaLlm:
    """llama.cpp on a GGUF file.

    Args:
        llm: By default the program's settings; ``model``, ``context``, ``threads`` and
            ``gpu_layers`` are used.

    Attributes:
        name: The model as the store names it; empty for another file.

    Raises:
        WeightsError: The model is not in the store, or the file is no GGUF model.
        ResourceError: There is no memory for it.
    """

    def __init__(self, llm: LlmSettings | None = None) -> None:
        llm = llm or settings().llm
        path = _file(llm.model)
        self.name = "" if _own_file(llm.model) else str(llm.model)
        self._limit, layers = llm.context, llm.gpu_layers
        self._threads = llm.threads or settings().cpu_threads
        quiet()
        C.llama_backend_init()
        self._model = _load(path, layers)
        gpu = layers != 0 and bool(C.llama_supports_gpu_offload())
        chunk = _GPU_BATCH if gpu else _BATCH
        self._context: Any = self._new_context(chunk)
        if not self._context:
            C.llama_model_free(self._model)
            raise ResourceError(
                f"{path.name}: no memory for a context of {self._limit} tokens",
                fix="lower llm.context in digital-human.toml",
            )
        self._vocab = C.llama_model_get_vocab(self._model)
        self._control = _control_tokens(self._vocab)
        self._template = self._chat_template()
        self._stop = Stop(self._context)
        shelf = Shelf(settings().cache_dir / _SHELF, fingerprint(path, VERSION, gpu))
        self._cells = Cells(self._context, self._stop, shelf, chunk)

    @property
    def evaluated(self) -> int:
        """Prompt tokens read by the last call, those that were known not counted."""
        return self._cells.evaluated

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 160,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[str]:
        """Answer the last message; see `base.Llm`."""
        max_tokens = min(max_tokens, self._limit // 2)
        kept = shortened(messages, self._limit - max_tokens, lambda m: len(self._prompt(m)))
        prompt = self._prompt(kept)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with self._stop.watching(cancelled), _sampler(self._vocab) as sampler:
            slot = self._cells.read(prompt, whole=True)
            for token in itertools.islice(self._written(slot, sampler), max_tokens):
                if C.llama_vocab_is_eog(self._vocab, token):
                    break
                if piece := decoder.decode(self._bytes(token)):
                    yield piece
        if rest := decoder.decode(b"", final=True).rstrip("\ufffd"):
            yield rest

    def warm(self, messages: Sequence[Message], *, cancelled: Callable[[], bool] = never) -> None:
        """Read the head of prompts to come; see `base.Llm`."""
        head = self._prompt(messages, answer=False)[: self._limit - 1]
        with self._stop.watching(cancelled):
            self._cells.read(head, whole=False, chunk=_AHEAD_BATCH)

    def learn(
        self, head: Sequence[Message], passage: str, *, cancelled: Callable[[], bool] = never
    ) -> None:
        """Read a passage of the knowledge once and for all; see `base.Llm`."""
        before, last = head[:-1], head[-1]
        passage = self._control.sub("", passage)
        told = f"{last.content}{passage}"
        text = self._text([*before, Message(last.role, f"{told}?")])
        end = text.rfind(told) + len(told)
        tokens = self._tokens(text[:end], special=True)
        start = self._tokens(text[: end - len(passage)], special=True)
        if tokens[: len(start)] != start or len(tokens) >= self._limit:
            return  # tokens of this model reach across: such a passage is read with its prompt
        with self._stop.watching(cancelled):
            self._cells.learn(start, tokens[len(start) :])

    def forget(self, kept: Sequence[Sequence[Message]]) -> None:
        """Let go of all that visitors said and were answered; see `base.Llm`."""
        self._cells.forget([self._prompt(head, answer=False) for head in kept])

    def write(
        self,
        messages: Sequence[Message],
        form: LineForm,
        *,
        width: Callable[[int], int],
        seed: int = 0,
        cancelled: Callable[[], bool] = never,
    ) -> list[Written]:
        """Answer with a verse of a given form; see `base.WritesLines`."""
        room = len(form.marks) * (form.length + _MARK_TOKENS)
        kept = shortened(messages, self._limit - room, lambda m: len(self._prompt(m)))
        with self._stop.watching(cancelled):
            return self._lines.write(self._prompt(kept), form, width, seed)

    def leaning(
        self,
        messages: Sequence[Message],
        one: str,
        other: str,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Leaning:
        """What the answer would begin with; see `base.Leans`."""
        kept = shortened(messages, self._limit - 1, lambda m: len(self._prompt(m)))
        prompt = self._prompt(kept)
        with self._stop.watching(cancelled):
            self._cells.read(prompt[:-1], whole=False)
            read = self._cells.evaluated
            # llama.cpp keeps the states of all tokens, or of none.
            C.llama_set_embeddings(self._context, True)
            try:
                self._cells.read(prompt, whole=True)
                logits = C.llama_get_logits_ith(self._context, -1)
                odds = float(logits[self._tokens(one)[0]] - logits[self._tokens(other)[0]])
                state = C.llama_get_embeddings_ith(self._context, -1)
                width = C.llama_model_n_embd(self._model)
                return Leaning(odds, np.ctypeslib.as_array(state, (width,)).copy())
            finally:
                C.llama_set_embeddings(self._context, False)
                self._cells.evaluated += read

    @functools.cached_property
    def _lines(self) -> LineWriter:
        count = C.llama_vocab_n_tokens(self._vocab)
        characters = Characters([self._bytes(token) for token in range(count)])
        return LineWriter(self._context, self._cells, count, characters, self._tokens)

    def count(self, text: str) -> int:
        """Tokens of ``text``."""
        return len(self._tokens(text))

    def close(self) -> None:
        """Free the model and its cache; harmless when done before."""
        if self._context:
            C.llama_free(self._context)
            C.llama_model_free(self._model)
            self._context = None

    def _written(self, slot: Slot, sampler: Any) -> Iterator[int]:
        """The tokens that follow ``slot``, without end.

        An answer often repeats its passages: where its last two tokens stand in the prompt, those
        that follow there are evaluated along with them, which takes hardly longer than one token,
        and are kept as far as the sampler chooses the same (prompt lookup decoding).
        """
        guess: list[int] = []
        while True:
            for left in range(len(guess), -1, -1):  # guesses whose turn has not come
                token = int(C.llama_sampler_sample(sampler, self._context, -1 - left))
                yield token
                if left and token != guess[-left]:
                    break
            self._cells.cut(slot, len(slot.tokens) - left)
            guess = _following(slot.tokens, token)
            self._cells.evaluate(slot, [token, *guess], logits=1 + len(guess))

    def _prompt(self, messages: Sequence[Message], *, answer: bool = True) -> list[int]:
        """Tokens of the model's own chat template around ``messages``.

        Without ``answer`` they end after the last message's text, as the head of a longer prompt.
        """
        text = self._text(messages)
        if not answer:
            last = self._plain(messages[-1].content)
            text = text[: text.rfind(last) + len(last)]
        tokens = self._tokens(text, special=True)
        # The last token may join with what follows.
        return tokens if answer else tokens[:-1]

    def _text(self, messages: Sequence[Message]) -> str:
        chat: Any = [{"role": m.role, "content": self._plain(m.content)} for m in messages]
        return self._template(messages=chat).prompt

    def _plain(self, content: str) -> str:
        """``content`` without what the model takes for control tokens."""
        return self._control.sub("", content).strip()

    def _tokens(self, text: str, *, special: bool = False) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (C.llama_token * room)()
        count = C.llama_tokenize(self._vocab, data, len(data), tokens, room, special, special)
        return list(tokens[:count])

    def _bytes(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        length = C.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
        return buffer.raw[:length]

    def _new_context(self, chunk: int) -> Any:
        params = C.llama_context_default_params()
        params.n_ctx = self._limit * _CELLS
        params.n_batch = params.n_ubatch = chunk
        params.n_seq_max = SEQUENCES
        params.kv_unified = True
        params.pooling_type = C.LLAMA_POOLING_TYPE_NONE
        params.n_threads = params.n_threads_batch = self._threads
        params.flash_attn_type = _FLASH_ATTENTION
        params.no_perf = True
        return C.llama_init_from_model(self._model, params)

    def _chat_template(self) -> Jinja2ChatFormatter:
        template = C.llama_model_chat_template(self._model, None)
        if not template:
            raise WeightsError(
                "the model has no chat template", fix="take an instruction-tuned GGUF (-Instruct)"
            )

        def written(token: int) -> str:
            return _token_text(self._vocab, token) if token >= 0 else ""

        return Jinja2ChatFormatter(
            template=template.decode(),
            eos_token=written(C.llama_vocab_eos(self._vocab)),
            bos_token="",  # added by the tokenizer where the model wants one
        )


def _following(tokens: Tokens, token: int) -> list[int]:
    """What stood behind the last of ``tokens`` and ``token`` where they stood together before."""
    before, pairs = tokens[:-1], tokens[1:]
    found = np.flatnonzero((before == tokens[-1]) & (pairs == token))
    return [] if not len(found) else tokens[found[-1] + 2 :][:_GUESSED].tolist()


@contextlib.contextmanager
def _sampler(vocab: Any) -> Iterator[Any]:
    """Nearly greedy, the same every time: a low temperature, a fixed seed, few repetitions."""
    chain = C.llama_sampler_chain_init(C.llama_sampler_chain_default_params())
    for link in (
        C.llama_sampler_init_penalties(C.llama_vocab_n_tokens(vocab), _REPEATED, _PENALTY, 0, 0),
        C.llama_sampler_init_top_k(_TOP_K),
        C.llama_sampler_init_top_p(_TOP_P, 1),
        C.llama_sampler_init_temp(_TEMPERATURE),
        C.llama_sampler_init_dist(_SEED),
    ):
        C.llama_sampler_chain_add(chain, link)
    try:
        yield chain
    finally:
        C.llama_sampler_free(chain)


def _file(model: str | Path) -> Path:
    """The GGUF file that settings name."""
    path = Path(model).expanduser()
    if _own_file(model):
        if not path.is_file():
            raise InputError(f"llm.model: {path} is not a file", fix="correct the path")
        return path
    return store().path(str(model)) / "model.gguf"


def _own_file(model: str | Path) -> bool:
    """Whether settings name a file, and not a model of the store."""
    return Path(model).suffix == ".gguf"


def _load(path: Path, layers: int) -> Any:
    params = C.llama_model_default_params()
    params.n_gpu_layers = layers
    model = C.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise WeightsError(
            f"{path}: llama.cpp cannot open it",
            fix="give a GGUF file of a model that this llama.cpp knows",
        )
    return model


def _token_text(vocab: Any, token: int) -> str:
    text = C.llama_vocab_get_text(vocab, token)
    return text.decode("utf-8", "replace") if text else ""


def _control_tokens(vocab: Any) -> re.Pattern[str]:
    """A pattern of the texts that the model takes for control tokens."""
    texts = [
        _token_text(vocab, token)
        for token in range(C.llama_vocab_n_tokens(vocab))
        if C.llama_vocab_is_control(vocab, token)
    ]
    return re.compile("|".join(re.escape(t) for t in sorted(texts, key=len, reverse=True)) or "$^")
