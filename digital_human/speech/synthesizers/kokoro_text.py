"""Kokoro-82M in torch: from tokens to text features, durations, pitch and energy.

A small ALBERT (Lan et al. 2020; PL-BERT, Li et al. 2023) reads the phonemes for the prosody; a
convolutional encoder reads them for the sound. Durations, pitch and energy follow StyleTTS 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from digital_human.speech.synthesizers.kokoro_blocks import (
    STYLE,
    AdaptiveLayerNorm,
    ChannelNorm,
    StyledBlock,
    masked,
    run_lstm,
)

TOKENS = 178
HIDDEN = 512
_MAX_TOKENS, _EMBEDDING, _WIDTH, _HEADS, _INNER, _LAYERS = 512, 128, 768, 12, 2048, 12
_BERT_EPS = 1e-12
_MAX_UNITS = 50


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(_WIDTH, _WIDTH)
        self.key = nn.Linear(_WIDTH, _WIDTH)
        self.value = nn.Linear(_WIDTH, _WIDTH)
        self.dense = nn.Linear(_WIDTH, _WIDTH)
        self.LayerNorm = nn.LayerNorm(_WIDTH, eps=_BERT_EPS)

    def forward(self, x: Tensor, visible: Tensor | None) -> Tensor:
        """[B, N, 768] and bool [B, 1, 1, N] → [B, N, 768]."""
        batch, count, _ = x.shape

        def heads(layer: nn.Linear) -> Tensor:
            split: Tensor = layer(x).view(batch, count, _HEADS, _WIDTH // _HEADS)
            return split.transpose(1, 2)

        mixed = F.scaled_dot_product_attention(
            heads(self.query), heads(self.key), heads(self.value), attn_mask=visible
        )
        joined = self.dense(mixed.transpose(1, 2).reshape(batch, count, _WIDTH))
        return self.LayerNorm(x + joined)  # type: ignore[no-any-return]


class _AlbertLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = _Attention()
        self.ffn = nn.Linear(_WIDTH, _INNER)
        self.ffn_output = nn.Linear(_INNER, _WIDTH)
        self.full_layer_layer_norm = nn.LayerNorm(_WIDTH, eps=_BERT_EPS)

    def forward(self, x: Tensor, visible: Tensor | None) -> Tensor:
        """[B, N, 768] → [B, N, 768]."""
        x = self.attention(x, visible)
        inner = self.ffn_output(F.gelu(self.ffn(x), approximate="tanh"))
        return self.full_layer_layer_norm(x + inner)  # type: ignore[no-any-return]


class Albert(nn.Module):
    """Twelve passes through one shared transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(TOKENS, _EMBEDDING)
        self.position_embeddings = nn.Embedding(_MAX_TOKENS, _EMBEDDING)
        self.token_type_embeddings = nn.Embedding(2, _EMBEDDING)
        self.LayerNorm = nn.LayerNorm(_EMBEDDING, eps=_BERT_EPS)
        self.embedding_hidden_mapping_in = nn.Linear(_EMBEDDING, _WIDTH)
        self.layer = _AlbertLayer()

    def forward(self, tokens: Tensor, visible: Tensor | None) -> Tensor:
        """int64 [B, N] and bool [B, N] → [B, N, 768]."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.word_embeddings(tokens) + self.token_type_embeddings.weight[0]
        x = self.LayerNorm(x + self.position_embeddings(positions))
        x = self.embedding_hidden_mapping_in(x)
        shown = None if visible is None else visible[:, None, None, :]
        for _ in range(_LAYERS):
            x = self.layer(x, shown)
        return x  # type: ignore[no-any-return]


class TextEncoder(nn.Module):
    """Three convolutions and an LSTM over the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, HIDDEN)
        self.cnn = nn.ModuleList(
            nn.ModuleList([nn.Conv1d(HIDDEN, HIDDEN, 5, padding=2), ChannelNorm(HIDDEN)])
            for _ in range(3)
        )
        self.lstm = nn.LSTM(HIDDEN, HIDDEN // 2, batch_first=True, bidirectional=True)

    def forward(self, tokens: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
        """int64 [B, N], lengths [B] and mask [B, 1, N] → [B, 512, N]."""
        x = masked(self.embedding(tokens).transpose(1, 2), mask)
        for layer in self.cnn:
            convolution, norm = layer  # type: ignore[misc]
            x = masked(F.leaky_relu(norm(convolution(x)), 0.2), mask)  # type: ignore[has-type]
        return run_lstm(self.lstm, x.transpose(1, 2), lengths).transpose(1, 2)


class _StyledEncoder(nn.Module):
    """LSTMs and style norms in turn; the style is appended to every token."""

    def __init__(self) -> None:
        super().__init__()
        self.lstms = nn.ModuleList()
        for _ in range(3):
            self.lstms.append(
                nn.LSTM(HIDDEN + STYLE, HIDDEN // 2, batch_first=True, bidirectional=True)
            )
            self.lstms.append(AdaptiveLayerNorm(HIDDEN))

    def forward(
        self, x: Tensor, style: Tensor, lengths: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        """[B, N, 512] and [B, 128] → [B, N, 640]."""
        columns = style.unsqueeze(1).expand(-1, x.shape[1], -1)
        by_token = None if mask is None else mask.transpose(1, 2)
        x = masked(torch.cat([x, columns], dim=2), by_token)
        for i in range(0, len(self.lstms), 2):
            y = run_lstm(self.lstms[i], x, lengths)  # type: ignore[arg-type]
            y = self.lstms[i + 1](y, style)
            x = masked(torch.cat([y, columns], dim=2), by_token)
        return x


class ProsodyPredictor(nn.Module):
    """Durations of the tokens, then pitch and energy of the frames, from the prosody style."""

    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = _StyledEncoder()
        self.lstm = nn.LSTM(HIDDEN + STYLE, HIDDEN // 2, batch_first=True, bidirectional=True)
        self.duration_proj = nn.Linear(HIDDEN, _MAX_UNITS)
        self.shared = nn.LSTM(HIDDEN + STYLE, HIDDEN // 2, batch_first=True, bidirectional=True)
        half = HIDDEN // 2
        self.F0 = nn.ModuleList(
            [StyledBlock(HIDDEN, HIDDEN), StyledBlock(HIDDEN, half, double=True),
             StyledBlock(half, half)]
        )  # fmt: skip
        self.N = nn.ModuleList(
            [StyledBlock(HIDDEN, HIDDEN), StyledBlock(HIDDEN, half, double=True),
             StyledBlock(half, half)]
        )  # fmt: skip
        self.F0_proj = nn.Conv1d(half, 1, 1)
        self.N_proj = nn.Conv1d(half, 1, 1)

    def durations(self, features: Tensor, lengths: Tensor | None) -> Tensor:
        """Features [B, N, 640] → durations [B, N] in units of 25 ms, before rounding."""
        steps = self.duration_proj(run_lstm(self.lstm, features, lengths))
        return torch.sigmoid(steps).sum(dim=2)

    def curves(
        self, features: Tensor, style: Tensor, lengths: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Features by unit [B, U, 640] → pitch in Hz and log energy, each [B, 2·U]."""
        shared = run_lstm(self.shared, features, lengths).transpose(1, 2)
        double = None if mask is None else mask.repeat_interleave(2, dim=2)
        results = []
        for blocks, last in ((self.F0, self.F0_proj), (self.N, self.N_proj)):
            x = shared
            for index, block in enumerate(blocks):
                x = block(x, style, mask if index < 2 else double)
            results.append(masked(last(x), double).squeeze(1))
        return results[0], results[1]
