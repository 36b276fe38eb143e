# SPDX-License-Identifier: Apache-2.0
"""Write molecules with the demo model, each token checked, and choose the most different ones.

``Writer`` continues a list of medicines: one row per molecule, all rows in step, ``constrain.awrs_step``
draws each token, the newline ends a molecule. With a checker a token is taken only when the text can still
become a valid molecule, and the newline only after a complete one. An attempt is given up when its weight falls
below ``exp(MIN_LOGW)``, because the checker then forces text that the model would not write (a ring that cannot
be closed, for example), or after ``MAX_TOKENS``; it is begun again with fresh draws. A draw depends on the row's
logits, the seed, the row's stream and the step, on nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import constrain, prune
from .model import AttentionStats, Budget, Cache, Float32, Model
from .tape import Tape

MEDICINES = (
    "CC(=O)Oc1ccccc1C(=O)O",  # acetylsalicylic acid
    "CC(=O)Nc1ccc(O)cc1",  # paracetamol
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",  # ibuprofen
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",  # caffeine
    "CCN(CC)CC(=O)Nc1c(C)cccc1C",  # lidocaine
    "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",  # diazepam
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",  # salbutamol
    "CC(C)NCC(O)COc1cccc2ccccc12",  # propranolol
    "CNCCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1",  # fluoxetine
    "CC(=O)CC(c1ccccc1)c1c(O)c2ccccc2oc1=O",  # warfarin
    "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1",  # sulfamethoxazole
    "COc1ccc2[nH]c(S(=O)Cc3ncc(C)c(OC)c3C)nc2c1",  # omeprazole
    "O=C(O)Cc1ccccc1Nc1c(Cl)cccc1Cl",  # diclofenac
    "COc1cc(Cc2cnc(N)nc2N)cc(OC)c1OC",  # trimethoprim
    "CN(C)CCC=C1c2ccccc2CCc2ccccc21",  # amitriptyline
    "NNC(=O)c1ccncc1",  # isoniazid
    "O=C(CCCN1CCC(O)(c2ccc(Cl)cc2)CC1)c1ccc(F)cc1",  # haloperidol
    "COC(=O)C1=C(C)NC(C)=C(C(=O)OC)C1c1ccccc1[N+](=O)[O-]",  # nifedipine
    "CCN(CC)CCOC(=O)c1ccc(N)cc1",  # procaine
    "CC(C)NCC(O)COc1ccc(CC(N)=O)cc1",  # atenolol
    "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",  # ciprofloxacin
    "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",  # celecoxib
    "CN(C)CCCN1c2ccccc2Sc2ccc(Cl)cc21",  # chlorpromazine
    "NS(=O)(=O)c1cc(C(=O)O)c(NCc2ccco2)cc1Cl",  # furosemide
    "COc1ccc2cc(C(C)C(=O)O)ccc2c1",  # naproxen
    "CCCCNC(=O)NS(=O)(=O)c1ccc(C)cc1",  # tolbutamide
    "NC(=O)N1c2ccccc2C=Cc2ccccc21",  # carbamazepine
    "CC(NC(C)(C)C)C(=O)c1cccc(Cl)c1",  # bupropion
    "CNC1CCC(c2ccc(Cl)c(Cl)c2)c2ccccc21",  # sertraline
    "O=C1NC(=O)C(c2ccccc2)(c2ccccc2)N1",  # phenytoin
)
MAX_TOKENS = 96
MIN_LOGW = -10.0
MAX_ROUNDS = 16
RECORDED_STEP = 4  # every row is alive and the text has some length


@dataclass
class Molecule:
    """One written molecule: its tokens, their log weights, draws, checker calls and hidden states summed."""

    stream: int
    ids: list[int] = field(default_factory=list)
    smiles: str = ""
    finished: bool = False
    logw: float = 0.0
    draws: int = 0
    checks: int = 0
    hidden: Float32 = field(default_factory=lambda: np.zeros(0, np.float32))


class Checker:
    """partialsmiles as the two questions of a constraint: one connected molecule, no reaction or wildcard."""

    def __init__(self) -> None:
        import partialsmiles

        self._library: Any = partialsmiles

    def prefix(self, text: str) -> bool:
        """Tell whether ``text`` can be continued to a valid molecule."""
        return self._accepts(text, partial=True)

    def complete(self, text: str) -> bool:
        """Tell whether ``text`` is a valid molecule."""
        return self._accepts(text, partial=False)

    def _accepts(self, text: str, partial: bool) -> bool:
        if any(character in ".*>" for character in text):
            return False
        try:
            self._library.ParseSmiles(text, partial=partial)
        except (self._library.Error, IndexError):  # partialsmiles 2.0: IndexError when the text ends in "%"
            return False
        return True


class Writer:
    """Writes molecules with one model, checker and seed."""

    def __init__(
        self, model: Model, *, seed: int, checker: Checker | None, tape: Tape, budget: Budget
    ) -> None:
        self.model, self.seed, self.checker, self.tape, self.budget = model, seed, checker, tape, budget
        self.stats = AttentionStats()
        self.newline = model.tokens.index(b"\n")
        ascii_tokens = [token if token.isascii() else None for token in model.tokens]  # SMILES is ASCII
        vocab = constrain.Vocab(ascii_tokens, eos_ids=[self.newline])
        self.constraint = checker and constrain.PythonConstraint(
            checker.prefix, checker.complete, vocab=vocab
        )
        self.prompt_tokens = 0
        self.finished = self.draws = self.checks = self.given_up = 0
        self.first_weights: list[
            float
        ] = []  # of first attempts; their mean estimates the model's own validity

    def write(self, n: int, on_finished: Callable[[int], None]) -> list[Molecule]:
        """Write ``n`` molecules, telling the number finished; without a checker each gets one attempt."""
        encoding = self.model.encoding()
        text = "\n".join(MEDICINES) + "\n"
        self.tape.armed = True
        prompt = self.tape.call("bpe.Encoding.encode_ordinary", True, encoding.encode_ordinary, text)
        self.prompt_tokens = len(prompt)
        hidden, start = self.model.prefill(prompt, self.tape)
        done: list[Molecule] = []
        for attempt in range(MAX_ROUNDS if self.checker else 1):
            molecules = [Molecule(stream=attempt * n + row) for row in range(n - len(done))]
            self._write_round(molecules, hidden, start, on_finished)
            if attempt == 0:
                self.first_weights = [math.exp(m.logw) if m.finished else 0.0 for m in molecules]
            done += [m for m in molecules if m.finished or not self.checker]
            self.given_up += sum(not m.finished for m in molecules)
            if len(done) == n:
                break
        return done

    def _write_round(
        self, molecules: list[Molecule], hidden: Float32, start: Cache, on_finished: Callable[[int], None]
    ) -> None:
        alive = molecules
        states = [self.constraint.start() if self.constraint else None for _ in alive]
        hidden = hidden[None].repeat(len(alive), axis=0)
        cache = start.spread(len(alive), start.length + MAX_TOKENS)
        for step in range(MAX_TOKENS):
            self.tape.armed = step == RECORDED_STEP
            drawn = self.tape.call(
                "constrain.awrs_step", True, constrain.awrs_step, self.model.logits(hidden), states,
                seed=self.seed, streams=[m.stream for m in alive], steps=step,
                estimator="auto" if self.checker else "none",
            )  # fmt: skip
            going = [
                row for row, molecule in enumerate(alive) if self._take(molecule, states[row], drawn, row)
            ]
            on_finished(self.finished)
            if not going:
                break
            alive, states = [alive[row] for row in going], [states[row] for row in going]
            cache.keep(going)
            hidden = self.model.step([m.ids[-1] for m in alive], cache, self.budget, self.stats, self.tape)
            for molecule, state in zip(alive, hidden, strict=True):
                molecule.hidden = state + (molecule.hidden if molecule.hidden.size else 0.0)

    def _take(
        self, molecule: Molecule, state: constrain.State | None, drawn: constrain.StepResult, row: int
    ) -> bool:
        """Note the token of one row; True when the molecule goes on."""
        checks = int(drawn.checks[row])
        molecule.draws, molecule.checks = molecule.draws + 1, molecule.checks + checks
        self.draws, self.checks = self.draws + 1, self.checks + checks
        molecule.logw += float(drawn.logw[row])
        token = int(drawn.token[row])
        if token < 0 or molecule.logw < MIN_LOGW:  # nothing may follow, or nothing the model would write
            return False
        if token == self.newline:
            molecule.finished = True
            self.finished += 1
            molecule.smiles = b"".join(self.model.tokens[i] for i in molecule.ids).decode("utf-8", "replace")
            return False
        molecule.ids.append(token)
        if state is not None:
            state.advance(token)
        return True


def most_different(molecules: list[Molecule], k: int, tape: Tape) -> list[int]:
    """Positions of the ``k`` molecules whose mean hidden states lie farthest apart (max-min diversity)."""
    embeddings = np.stack([m.hidden / np.float32(len(m.ids)) for m in molecules])
    tape.armed = True
    chosen = tape.call("prune.maxmin_select", True, prune.maxmin_select, embeddings, k)
    return [int(i) for i in chosen.indices]
