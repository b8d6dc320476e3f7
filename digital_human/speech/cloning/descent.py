"""Gradient descent that can be stopped and gone on with: its state is one ``.npz`` file."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_EVERY = 10  # steps between two writings of the state


class Descent:
    """Adam with a rate that falls along a half cosine.

    Args:
        tensors: What is changed, by name; they must require gradients.
        rate: First step size.
        steps: Number of steps.
        resume: File of the state; None keeps none. A file with another key is begun anew.
        key: Tells what the state belongs to: inputs, seed and settings.

    Attributes:
        tensors: What is changed.
        done: Steps done.
        extra: Arrays of the caller that are kept with the state.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        *,
        rate: float,
        steps: int,
        resume: Path | None = None,
        key: str = "",
    ) -> None:
        self.tensors = dict(tensors)
        self.steps = steps
        self.done = 0
        self.extra: dict[str, npt.NDArray[np.generic]] = {}
        self._rate = rate
        self._resume = resume
        self._key = key
        self._adam = torch.optim.Adam(list(self.tensors.values()), lr=rate, betas=(0.8, 0.99))
        self._read()

    def run(self, loss: Callable[[int], Tensor]) -> Iterator[tuple[int, float]]:
        """Do the steps that are left.

        Args:
            loss: Number of the step → what is to become small. All that is random in it must come
                from that number, so that a run that goes on does what an unbroken one does.

        Yields:
            Steps done and the loss before the last of them.
        """
        while self.done < self.steps:
            fall = 0.5 * (1 + math.cos(math.pi * self.done / self.steps))
            for group in self._adam.param_groups:
                group["lr"] = self._rate * (0.05 + 0.95 * fall)
            self._adam.zero_grad()
            value = loss(self.done)
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(list(self.tensors.values()), 5.0)
            self._adam.step()
            self.done += 1
            if self.done % _EVERY == 0 or self.done == self.steps:
                self.save()
            yield self.done, float(value.detach())

    def values(self) -> dict[str, Tensor]:
        """Copies of the tensors as they are now."""
        return {name: tensor.detach().clone() for name, tensor in self.tensors.items()}

    def save(self) -> None:
        """Write the state in one step."""
        if self._resume is None:
            return
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "done": np.array(self.done),
            "key": np.array(self._key),
            **{f"extra/{name}": array for name, array in self.extra.items()},
        }
        for name, tensor in self.tensors.items():
            arrays[f"{name}/value"] = tensor.detach().cpu().numpy()
            for part in ("exp_avg", "exp_avg_sq"):
                if part in self._adam.state[tensor]:
                    arrays[f"{name}/{part}"] = self._adam.state[tensor][part].cpu().numpy()
        self._resume.parent.mkdir(parents=True, exist_ok=True)
        partial = self._resume.with_name(f".{self._resume.stem}.{os.getpid()}.npz")
        np.savez(partial, allow_pickle=False, **arrays)
        partial.replace(self._resume)

    def _read(self) -> None:
        if self._resume is None or not self._resume.is_file():
            return
        try:
            with np.load(self._resume, allow_pickle=False) as state:
                if str(state["key"]) != self._key:
                    return
                arrays = {name: state[name] for name in state.files}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return
        self.done = int(arrays["done"])
        self.extra = {n.removeprefix("extra/"): a for n, a in arrays.items() if n[:6] == "extra/"}
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(torch.from_numpy(arrays[f"{name}/value"]))
                if f"{name}/exp_avg" in arrays:
                    self._adam.state[tensor] = {
                        "step": torch.tensor(float(self.done)),
                        "exp_avg": torch.from_numpy(arrays[f"{name}/exp_avg"]).to(tensor.device),
                        "exp_avg_sq": torch.from_numpy(arrays[f"{name}/exp_avg_sq"]).to(
                            tensor.device
                        ),
                    }
