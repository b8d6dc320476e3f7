"""A GGUF model in this process, through llama.cpp.

All sessions share one context whose key-value cells are one pool: a prompt is a sequence in it,
and starts from the longest head that any earlier prompt left there (`sequences`), so that a turn
only reads its own tokens. Sharing a head copies nothing.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import functools
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.config import LlmSettings, settings
from digital_human.dialogue.llm.base import Message, never, shortened
from digital_human.dialogue.llm.sequences import Slot, Slots
from digital_human.errors import Cancelled, InputError, ResourceError, WeightsError
from digital_human.models import store

# Threads of llama.cpp wait for each other at about a thousand barriers a token. GNU OpenMP spins
# there by default, which stops everything when another model wants the same core; a short spin
# costs nothing on an idle machine. Read by libgomp when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from llama_cpp import llama_cpp as C  # noqa: E402, N812
from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # noqa: E402

_BATCH = 64  # prompt tokens read in one go: as fast as 512 on a processor, and a shorter wait
_GPU_BATCH = 512
_SEQUENCES = 64
_CELLS = 2  # times the context of one prompt
_POLL = 0.01  # s between questions whether the work is still wanted
_FLASH_ATTENTION = 1  # skips cells of other sequences
_TEMPERATURE, _TOP_P, _TOP_K, _SEED = 0.2, 0.8, 20, 7
_REPEATED, _PENALTY = 64, 1.05


class LlamaLlm:
    """llama.cpp on a GGUF file.

    Args:
        llm: By default the program's settings; ``model``, ``context``, ``threads`` and
            ``gpu_layers`` are used.

    Raises:
        WeightsError: The model is not in the store, or the file is no GGUF model.
        ResourceError: There is no memory for it.
    """

    def __init__(self, llm: LlmSettings | None = None) -> None:
        llm = llm or settings().llm
        path = _file(llm.model)
        self._limit, layers = llm.context, llm.gpu_layers
        self._threads = llm.threads or settings().cpu_threads
        _quiet()
        C.llama_backend_init()
        self._model = _load(path, layers)
        gpu = layers != 0 and bool(C.llama_supports_gpu_offload())
        self._chunk = _GPU_BATCH if gpu else _BATCH
        self._context: Any = self._new_context()
        if not self._context:
            C.llama_model_free(self._model)
            raise ResourceError(
                f"{path.name}: no memory for a context of {self._limit} tokens",
                fix="lower llm.context in digital-human.toml",
            )
        self._memory = C.llama_get_memory(self._context)
        self._vocab = C.llama_model_get_vocab(self._model)
        self._control = _control_tokens(self._vocab)
        self._template = self._chat_template()
        self._slots = Slots(_SEQUENCES)
        self._stop = _Stop(self._context)
        self.evaluated = 0
        """Prompt tokens read by the last call, those that were cached not counted."""

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
            slot = self._read(prompt, whole=True)
            for _ in range(max_tokens):
                token = int(C.llama_sampler_sample(sampler, self._context, -1))
                if C.llama_vocab_is_eog(self._vocab, token):
                    break
                if piece := decoder.decode(self._bytes(token)):
                    yield piece
                self._evaluate(slot, [token])
        if rest := decoder.decode(b"", final=True).rstrip("\ufffd"):
            yield rest

    def warm(self, messages: Sequence[Message], *, cancelled: Callable[[], bool] = never) -> None:
        """Read the head of prompts to come; see `base.Llm`."""
        head = self._prompt(messages, answer=False)[: self._limit - 1]
        with self._stop.watching(cancelled):
            self._read(head, whole=False)

    def count(self, text: str) -> int:
        """Tokens of ``text``."""
        return len(self._tokens(text))

    def close(self) -> None:
        """Free the model and its cache; harmless when done before."""
        if self._context:
            C.llama_free(self._context)
            C.llama_model_free(self._model)
            self._context = None

    def _read(self, prompt: list[int], *, whole: bool) -> Slot:
        """Bring ``prompt`` into a sequence of the cache; ``whole`` also makes its logits."""
        donor, shared = self._slots.find(prompt)
        # The last token is read again when the answer is to start right behind it.
        shared = min(shared, len(prompt) - whole)
        if not whole and shared == len(prompt):
            self.evaluated = 0
            return donor
        slot = donor if shared == len(donor.tokens) else self._branch(donor, shared)
        slot.tokens = slot.tokens[:shared]
        C.llama_memory_seq_rm(self._memory, slot.number, shared, -1)
        rest = prompt[shared:]
        self.evaluated = len(rest)
        for start in range(0, len(rest), self._chunk):
            self._evaluate(slot, rest[start : start + self._chunk])
        return slot

    def _branch(self, donor: Slot, shared: int) -> Slot:
        """A sequence that starts with the first ``shared`` tokens of ``donor``."""
        slot = self._slots.take(donor)
        C.llama_memory_seq_rm(self._memory, slot.number, -1, -1)
        if shared:
            C.llama_memory_seq_cp(self._memory, donor.number, slot.number, 0, shared)
        slot.tokens = donor.tokens[:shared]
        return slot

    def _evaluate(self, slot: Slot, tokens: list[int]) -> None:
        """Append ``tokens`` to ``slot``, making room by dropping the least used sequences."""
        batch = C.llama_batch_init(len(tokens), 0, 1)
        try:
            _fill(batch, tokens, len(slot.tokens), slot.number)
            while (result := C.llama_decode(self._context, batch)) == 1:
                old = self._slots.oldest(slot)
                if old is None:
                    break
                C.llama_memory_seq_rm(self._memory, old.number, -1, -1)
                old.tokens = old.tokens[:0]
        finally:
            C.llama_batch_free(batch)
        if result:
            C.llama_memory_seq_rm(self._memory, slot.number, len(slot.tokens), -1)
            self._stop.check()
            raise ResourceError(
                f"llama.cpp could not evaluate {len(tokens)} tokens (code {result})",
                fix="lower llm.context, or take a smaller model",
            )
        slot.tokens = np.append(slot.tokens, np.asarray(tokens, np.int32))
        self._stop.check()

    def _prompt(self, messages: Sequence[Message], *, answer: bool = True) -> list[int]:
        """Tokens of the model's own chat template around ``messages``.

        Without ``answer`` they end after the last message's text, as the head of a longer prompt.
        """
        contents = [self._control.sub("", m.content).strip() for m in messages]
        chat: Any = [
            {"role": m.role, "content": c} for m, c in zip(messages, contents, strict=True)
        ]
        text = self._template(messages=chat).prompt
        if not answer:
            text = text[: text.rfind(contents[-1]) + len(contents[-1])]
        tokens = self._tokens(text, special=True)
        # The last token may join with what follows.
        return tokens if answer else tokens[:-1]

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

    def _new_context(self) -> Any:
        params = C.llama_context_default_params()
        params.n_ctx = self._limit * _CELLS
        params.n_batch = params.n_ubatch = self._chunk
        params.n_seq_max = _SEQUENCES
        params.kv_unified = True
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


class _Stop:
    """Ends a running evaluation from another thread.

    llama.cpp asks a C callback before every operation of the graph. A Python callback would take
    the interpreter lock a thousand times a token, so the C library's ``strlen`` is the callback,
    and its argument a text that is empty until the work is to stop.
    """

    def __init__(self, context: Any) -> None:
        self._flag = ctypes.create_string_buffer(2)
        library = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
        callback = ctypes.cast(library.strlen, C.ggml_abort_callback)
        self._kept = (library, callback)
        C.llama_set_abort_callback(context, callback, ctypes.cast(self._flag, ctypes.c_void_p))

    @contextlib.contextmanager
    def watching(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Ask ``cancelled`` now and then from a thread of its own.

        Raises:
            Cancelled: It said so before the work began.
        """
        self._flag.value = b"\1" if cancelled() else b""
        self.check()
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_POLL):
                if cancelled():
                    self._flag.value = b"\1"
                    return

        watcher = threading.Thread(target=watch, name="llm-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            self._flag.value = b""

    def check(self) -> None:
        """Raise `Cancelled` when the work is to stop."""
        if self._flag.value:
            raise Cancelled("the answer is not wanted any more")


def _fill(batch: Any, tokens: list[int], position: int, sequence: int) -> None:
    """Put ``tokens`` into ``batch``; logits are wanted behind the last one."""
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i] = token
        batch.pos[i] = position + i
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = sequence
        batch.logits[i] = i == len(tokens) - 1


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
    if path.suffix == ".gguf":
        if not path.is_file():
            raise InputError(f"llm.model: {path} is not a file", fix="correct the path")
        return path
    return store().path(str(model)) / "model.gguf"


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


@functools.lru_cache
def _quiet() -> Any:
    """Keep llama.cpp from writing to the terminal; the callback must live as long as it does."""

    @C.llama_log_callback  # type: ignore[untyped-decorator]
    def ignore(level: int, text: bytes, data: Any) -> None:
        return None

    C.llama_log_set(ignore, ctypes.c_void_p(0))
    return ignore
