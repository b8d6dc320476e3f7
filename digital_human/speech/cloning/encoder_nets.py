"""Networks that turn speech into a vector that tells speakers apart, in torch.

Module names follow the published weights, so that these load without renaming.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _norm_relu(channels: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(channels), relu=nn.ReLU()))


class _FrequencyBlock(nn.Module):
    """Residual block that may halve the frequency axis only."""

    def __init__(self, channels: int, stride: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, (stride, 1), 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if project:
            self.shortcut.append(nn.Conv2d(channels, channels, 1, (stride, 1), bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(inner + self.shortcut(x))


class _Head(nn.Module):
    """Two-dimensional front end: 80 bands become 10 bands of 32 channels."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        for name in ("layer1", "layer2"):
            blocks = [
                _FrequencyBlock(channels, 2, project=True),
                _FrequencyBlock(channels, 1, project=False),
            ]
            self.add_module(name, nn.Sequential(*blocks))
        self.conv2 = nn.Conv2d(channels, channels, 3, (2, 1), 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x.unsqueeze(1))))
        x = self.get_submodule("layer2")(self.get_submodule("layer1")(x))
        return F.relu(self.bn2(self.conv2(x))).flatten(1, 2)


class _ContextMask(nn.Module):
    """Context-aware masking: a local convolution, gated by the utterance and by the second."""

    def __init__(self, channels: int, out: int, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            channels, out, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(channels, channels // 2, 1)
        self.linear2 = nn.Conv1d(channels // 2, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        seconds = F.avg_pool1d(x, 100, 100, ceil_mode=True).repeat_interleave(100, dim=-1)
        context = x.mean(-1, keepdim=True) + seconds[..., : x.shape[-1]]
        gate = torch.sigmoid(self.linear2(F.relu(self.linear1(context))))
        local: Tensor = self.linear_local(x)
        return local * gate


class _DenseLayer(nn.Module):
    def __init__(self, channels: int, growth: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm_relu(channels)
        self.linear1 = nn.Conv1d(channels, 4 * growth, 1, bias=False)
        self.nonlinear2 = _norm_relu(4 * growth)
        self.cam_layer = _ContextMask(4 * growth, growth, dilation)

    def forward(self, x: Tensor) -> Tensor:
        new = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))
        return torch.cat([x, new], dim=1)


class _Time(nn.Module):
    """A convolution with its normalisation, before or after it as the module's parts say."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        for part in self.children():
            x = part(x)
        return x


class CamPlusPlus(nn.Module):
    """CAM++: densely connected time-delay network with context-aware masking.

    Wang, Zheng, Chen, Cheng, Chen: "CAM++: A Fast and Efficient Network for Speaker Verification
    Using Context-Aware Masking", Interspeech 2023.
    """

    def __init__(self, size: int = 192, growth: int = 32) -> None:
        super().__init__()
        self.head = _Head()
        channels = 128
        tdnn = nn.Conv1d(320, channels, 5, stride=2, padding=2, bias=False)
        self.xvector = nn.Sequential(
            OrderedDict([("tdnn", _Time(linear=tdnn, nonlinear=_norm_relu(channels)))])
        )
        for number, (layers, dilation) in enumerate(((12, 1), (24, 2), (16, 2)), start=1):
            block: OrderedDict[str, nn.Module] = OrderedDict(
                (f"tdnnd{i + 1}", _DenseLayer(channels + i * growth, growth, dilation))
                for i in range(layers)
            )
            channels += layers * growth
            narrow = nn.Conv1d(channels, channels // 2, 1, bias=False)
            self.xvector.add_module(f"block{number}", nn.Sequential(block))
            self.xvector.add_module(
                f"transit{number}", _Time(nonlinear=_norm_relu(channels), linear=narrow)
            )
            channels //= 2
        self.xvector.add_module("out_nonlinear", _norm_relu(channels))
        norm = nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(size, affine=False)))
        dense = nn.Conv1d(2 * channels, size, 1, bias=False)
        self.xvector.add_module("dense", _Time(linear=dense, nonlinear=norm))

    def forward(self, bands: Tensor) -> Tensor:
        """Vectors [batch, 192] of log-mel bands [batch, 80, frames], their mean removed."""
        x = self.head(bands)
        *body, dense = self.xvector.children()
        for part in body:
            x = part(x)
        statistics = torch.cat([x.mean(-1), x.std(-1)], dim=1)
        vector: Tensor = dense(statistics.unsqueeze(-1)).squeeze(-1)
        return vector


class _Attention(nn.Module):
    """Attentional fusion of two feature maps."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local_att = nn.Sequential(
            nn.Conv2d(2 * channels, channels // 4, 1),
            nn.BatchNorm2d(channels // 4),
            nn.SiLU(),
            nn.Conv2d(channels // 4, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        share = torch.tanh(self.local_att(torch.cat([x, y], dim=1)))
        return x * (1 + share) + y * (1 - share)


class _Res2Block(nn.Module):
    """Res2Net block with two scales, added up or fused by attention."""

    def __init__(self, channels: int, planes: int, stride: int, *, fused: bool) -> None:
        super().__init__()
        width = planes // 2
        self.conv1 = nn.Conv2d(channels, 2 * width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(2 * width)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1, bias=False) for _ in "ab")
        self.bns = nn.ModuleList(nn.BatchNorm2d(width) for _ in "ab")
        self.fuse_models = nn.ModuleList([_Attention(width)] if fused else [])
        self.conv3 = nn.Conv2d(2 * width, 2 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(2 * planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != 2 * planes:
            self.shortcut.append(nn.Conv2d(channels, 2 * planes, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(2 * planes))

    def forward(self, x: Tensor) -> Tensor:
        first, second = _clipped(self.bn1(self.conv1(x))).chunk(2, dim=1)
        first = _clipped(self.bns[0](self.convs[0](first)))
        second = self.fuse_models[0](first, second) if len(self.fuse_models) else first + second
        second = _clipped(self.bns[1](self.convs[1](second)))
        inner = self.bn3(self.conv3(torch.cat([first, second], dim=1)))
        return _clipped(inner + self.shortcut(x))


def _clipped(x: Tensor) -> Tensor:
    return x.clamp(0.0, 20.0)


class ERes2Net(nn.Module):
    """ERes2Net: Res2Net with fusion of its features within blocks and across depths.

    Chen, Zheng, Wang, Cheng, Chen, Qi: "An Enhanced Res2Net with Local and Global Feature Fusion
    for Speaker Verification", Interspeech 2023.
    """

    def __init__(self, size: int = 192, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        before = channels
        for number, blocks in enumerate((3, 4, 6, 3)):
            planes = channels << number
            layer = nn.Sequential()
            for block in range(blocks):
                stride = 2 if number and not block else 1
                layer.append(_Res2Block(before, planes, stride, fused=number >= 2))
                before = 2 * planes
            self.add_module(f"layer{number + 1}", layer)
        wide = [2 * channels << number for number in range(4)]
        for number, (a, b) in enumerate(pairwise(wide), start=1):
            down = nn.Conv2d(a, b, 3, 2, 1, bias=False)
            self.add_module(f"layer{number}_downsample", down)
        self.fuse_mode12 = _Attention(wide[1])
        self.fuse_mode123 = _Attention(wide[2])
        self.fuse_mode1234 = _Attention(wide[3])
        self.seg_1 = nn.Linear(2 * wide[3] * 10, size)

    def forward(self, bands: Tensor) -> Tensor:
        """Vectors [batch, 192] of log-mel bands [batch, 80, frames], their mean removed."""
        part = self.get_submodule
        deep = part("layer1")(F.relu(self.bn1(self.conv1(bands.unsqueeze(1)))))
        fused = deep
        fusions = (self.fuse_mode12, self.fuse_mode123, self.fuse_mode1234)
        for number, fuse in enumerate(fusions, start=1):
            deep = part(f"layer{number + 1}")(deep)
            fused = fuse(deep, part(f"layer{number}_downsample")(fused))
        deviation = torch.sqrt(fused.var(dim=-1) + 1e-8)
        statistics = torch.cat([fused.mean(-1).flatten(1), deviation.flatten(1)], dim=1)
        vector: Tensor = self.seg_1(statistics)
        return vector


class GeneralisedEndToEnd(nn.Module):
    """Three LSTM layers trained with the generalised end-to-end loss.

    Wan, Wang, Papir, Lopez Moreno: "Generalized End-to-End Loss for Speaker Verification",
    ICASSP 2018; weights of Resemblyzer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, bands: Tensor) -> Tensor:
        """Vectors [batch, 256] of mel power [batch, 160, 40], 1.6 s each."""
        _, (hidden, _) = self.lstm(bands)
        return F.normalize(F.relu(self.linear(hidden[-1])), dim=1)
