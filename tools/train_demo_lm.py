# SPDX-License-Identifier: Apache-2.0
# mypy: allow-subclassing-any, allow-untyped-decorators, allow-any-generics
"""Train the demo's language model on a file of SMILES and write ``weights.npz``.

The file holds one molecule per line. A twentieth of the molecules is held out for the validation loss.
Tokenizer: ``tokops.bpe.train`` with the pattern "superbpe" (digits and newlines are pieces of their own).
A training sequence is a row of molecules, one per line: half of the rows are random molecules, half are
relatives (close in their character trigrams), so that the context tells something about what follows.
Seeds are fixed; needs torch (training only) and takes under 15 minutes on 2 cores.

    python tools/train_demo_lm.py ../shared/data/e2e/smiles/smiles_10k.txt
"""

from __future__ import annotations

import argparse
import json
import math
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from tokops import bpe

SEED = 20
OUTPUT = Path(__file__).parents[1] / "python" / "tokops" / "demo" / "weights.npz"


@dataclass(frozen=True)
class Config:
    """Shape of the model; stored in the file as JSON."""

    vocab: int = 512
    width: int = 128
    layers: int = 5
    heads: int = 8
    kv_heads: int = 2
    head_width: int = 32
    hidden: int = 320
    context: int = 512
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    pattern: str = "superbpe"


CONFIG = Config()


class Block(nn.Module):
    """Pre-norm attention with grouped KV heads and rotary positions, then a SwiGLU layer."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        width, head = CONFIG.width, CONFIG.head_width
        self.attention_norm = nn.RMSNorm(width, eps=CONFIG.norm_eps)
        self.query = nn.Linear(width, CONFIG.heads * head, bias=False)
        self.key = nn.Linear(width, CONFIG.kv_heads * head, bias=False)
        self.value = nn.Linear(width, CONFIG.kv_heads * head, bias=False)
        self.output = nn.Linear(CONFIG.heads * head, width, bias=False)
        self.hidden_norm = nn.RMSNorm(width, eps=CONFIG.norm_eps)
        self.gate = nn.Linear(width, CONFIG.hidden, bias=False)
        self.up = nn.Linear(width, CONFIG.hidden, bias=False)
        self.down = nn.Linear(CONFIG.hidden, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:  # noqa: D102
        y = self.attention_norm(x)
        query, key, value = (
            p(y).unflatten(-1, (-1, CONFIG.head_width)).transpose(1, 2)
            for p in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(
            rotate(query, cos, sin), rotate(key, cos, sin), value, is_causal=True, enable_gqa=True
        )
        x = x + self.dropout(self.output(attended.transpose(1, 2).flatten(-2)))
        y = self.hidden_norm(x)
        return x + self.dropout(self.down(functional.silu(self.gate(y)) * self.up(y)))


class DemoModel(nn.Module):
    """Token embedding (also the output matrix), blocks, final norm."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(CONFIG.vocab, CONFIG.width)
        self.blocks = nn.ModuleList(Block(dropout) for _ in range(CONFIG.layers))
        self.final_norm = nn.RMSNorm(CONFIG.width, eps=CONFIG.norm_eps)
        self.dropout = nn.Dropout(dropout)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                into_stream = name.endswith(("output.weight", "down.weight"))
                depth = math.sqrt(2 * CONFIG.layers) if into_stream else 1.0
                nn.init.normal_(parameter, std=0.06 / depth)
        half = CONFIG.head_width // 2
        rates = CONFIG.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.outer(torch.arange(CONFIG.context, dtype=torch.float64), rates)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:  # noqa: D102
        x = self.dropout(self.embedding(ids))
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.final_norm(x) @ self.embedding.weight.T


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary embedding, half-split: element i turns with element i + half."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Rows:
    """Draws training rows of ``context + 1`` ids from tokenized molecules."""

    def __init__(self, molecules: list[str], tokens: list[list[int]], seed: int) -> None:
        self.tokens = tokens
        self.rng = np.random.default_rng(seed)
        self.order: list[int] = []
        self.features = np.stack([trigrams(m) for m in molecules])

    def next_random(self) -> int:
        """Give the next molecule of an epoch."""
        if not self.order:
            self.order = self.rng.permutation(len(self.tokens)).tolist()
        return self.order.pop()

    def row(self, related: bool) -> list[int]:
        """Fill a row with relatives of a random molecule, or with random ones."""
        row: list[int] = []
        if related:
            near = self.features @ self.features[self.next_random()] + self.rng.normal(
                0, 0.05, len(self.tokens)
            )
            best = np.argpartition(-near, 60)[:60]
            for molecule in self.rng.permutation(best):
                row += self.tokens[molecule]
        while len(row) <= CONFIG.context:
            row += self.tokens[self.next_random()]
        return row[: CONFIG.context + 1]

    def batch(self, rows: int) -> torch.Tensor:
        """Stack rows, every second one of relatives."""
        return torch.tensor([self.row(related=i % 2 == 1) for i in range(rows)])


def trigrams(molecule: str) -> NDArray[np.float32]:
    """Make the unit vector of hashed character trigrams, square roots of their counts."""
    text = f"^{molecule}$"
    vector = np.zeros(512, np.float32)
    for i in range(len(text) - 2):
        vector[zlib.crc32(text[i : i + 3].encode()) % 512] += 1
    vector = np.sqrt(vector)
    return vector / np.float32(np.linalg.norm(vector))


def loss_of(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the next token, in nats."""
    logits = model(rows[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten())


@torch.no_grad()
def validation_loss(model: nn.Module, rows: torch.Tensor) -> float:
    """Mean loss over the held-out rows, without dropout."""
    model.eval()
    losses = [float(loss_of(model, part)) for part in rows.split(8)]
    model.train()
    return float(np.mean(losses))


def fit(model: nn.Module, train: Rows, held_out: torch.Tensor, steps: int, batch: int, rate: float) -> float:
    """Run AdamW with warm-up and cosine decay; the last held-out loss."""
    matrices = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda s: min(1.0, (s + 1) / 40) * (0.04 + 0.96 * 0.5 * (1 + math.cos(math.pi * s / steps))),
    )
    start, held = time.monotonic(), math.inf
    for step in range(steps):
        loss = loss_of(model, train.batch(batch))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49 or step == steps - 1:
            held = float(validation_loss(model, held_out))
            elapsed = time.monotonic() - start
            print(f"step {step + 1} train {float(loss.detach()):.4f} held out {held:.4f}, {elapsed:.0f} s")
    return held


def save(path: Path, model: nn.Module, ranks: dict[bytes, int]) -> None:
    """Write float16 weights, the vocabulary as lengths and bytes in id order, the configuration as JSON."""
    vocab = sorted(ranks, key=ranks.__getitem__)
    arrays = {name: p.detach().numpy().astype(np.float16) for name, p in model.named_parameters()}
    arrays["vocab_lengths"] = np.array([len(token) for token in vocab], np.uint8)
    arrays["vocab_bytes"] = np.frombuffer(b"".join(vocab), np.uint8)
    arrays["config"] = np.frombuffer(json.dumps(asdict(CONFIG)).encode(), np.uint8)
    np.savez_compressed(path, **arrays)


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("smiles", type=Path, help="text file, one SMILES per line")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    arguments = parser.parse_args()

    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    molecules = sorted({m for m in arguments.smiles.read_text().split() if len(m) <= 120})
    np.random.default_rng(SEED).shuffle(molecules)
    held, seen = molecules[: len(molecules) // 20], molecules[len(molecules) // 20 :]
    result = bpe.train(seen, CONFIG.vocab, pattern=CONFIG.pattern)
    encoding = result.to_encoding("demo")
    tokens, held_tokens = ([encoding.encode_ordinary(m + "\n") for m in part] for part in (seen, held))
    size, held_size = (sum(map(len, part)) for part in (tokens, held_tokens))
    train, validation = Rows(seen, tokens, SEED), Rows(held, held_tokens, SEED + 1)
    held_out = torch.tensor([validation.row(related=False) for _ in range(held_size // CONFIG.context)])

    model = DemoModel(arguments.dropout)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {size} training tokens")
    loss = fit(model, train, held_out, arguments.steps, arguments.batch, arguments.rate)
    characters = sum(len(m) + 1 for m in held) / held_size
    print(f"held out: {loss:.4f} nats per token, {loss / characters / math.log(2):.4f} bits per character")
    save(arguments.output, model, result.ranks)
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
