"""Small random systems as arrays, for laws that hold whatever the numbers are."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from graphrisk.models.spread import PROJECT, ROLLED, TERMS, UNDRAWN, Behaviour, Spread, System, spread
from graphrisk.models.trust import Reflection

STEP = np.array([[0.0, 1.0], [0.0, 0.4]])
RAMP = np.array([[0.0, 1.0], [0.2, 1.0], [1.0, 0.0]])
WHOLE = np.array([[0.0, 1.0]])


@dataclass(frozen=True)
class Drawn:
    """A system, reactions, and a question about it."""

    system: System
    behaviour: Behaviour
    subject: int
    withheld: np.ndarray

    def ask(self, **changes) -> Spread:
        """Solve it, with some of its parts changed."""
        system = replace(self.system, **{k: v for k, v in changes.items() if hasattr(self.system, k)})
        rules = replace(self.behaviour, **{k: v for k, v in changes.items() if hasattr(self.behaviour, k)})
        more = {k: v for k, v in changes.items() if k in {"extreme", "max_rounds", "on_round"}}
        withheld = changes.get("withheld", self.withheld)
        own = float(system.cash[self.subject])
        return spread(system, rules, self.subject, withheld, own_cash=own, **more)


def draw(seed: int, *, feedback: bool = True, guarantees: bool = True) -> Drawn:
    """Draw a system of up to eight entities and two outside."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 9))
    size = n + 2
    count = int(rng.integers(n, 3 * n))
    debtor = rng.integers(0, n, count)
    creditor = (debtor + rng.integers(1, size, count)) % size
    due = rng.integers(1, 200, count).astype(float) * 10
    lines = int(rng.integers(2, 2 * n))
    kind = rng.choice([UNDRAWN, ROLLED, TERMS], lines)
    holder, giver = rng.integers(0, n, lines), rng.integers(0, size, lines)
    projects = int(rng.integers(0, 2))
    if projects:
        kind[-1], holder[-1] = PROJECT, 0
    calls = int(rng.integers(0, n)) if guarantees else 0
    covers = [np.flatnonzero(debtor == rng.integers(0, n)) for _ in range(calls)]
    covers = [cover for cover in covers if len(cover)]
    guarantor = rng.integers(0, n, len(covers))
    balance = rng.random((n, n)) * 1000 * (rng.random((n, n)) < 0.4)
    np.fill_diagonal(balance, 0)
    equity = np.where(rng.random(n) < 0.5, np.nan, rng.random(n) * 800)
    weights = rng.random((n, n)) * (rng.random((n, n)) < 0.3)
    np.fill_diagonal(weights, 0)
    weights /= np.maximum(1.0, weights.sum(axis=1, keepdims=True))
    system = System(
        size=size,
        item_debtor=debtor,
        item_creditor=creditor,
        item_due=due,
        excess=np.zeros(n),
        cash=np.round(rng.random(n) * 1500),
        solvent=rng.random(n) < 0.2,
        line_kind=kind,
        line_holder=holder,
        line_giver=giver,
        line_follows=np.where((kind == ROLLED) & (rng.random(lines) < 0.4), rng.integers(0, size, lines), holder),
        line_project=np.where(kind == PROJECT, 0, -1),
        line_amount=rng.integers(1, 80, lines).astype(float) * 10,
        line_threshold=np.where((kind == UNDRAWN) & (rng.random(lines) < 0.4), rng.random(lines) * 400, np.inf),
        line_cancellable=rng.random(lines) < 0.8,
        line_recourse=(kind == ROLLED) & (rng.random(lines) < 0.5),
        guarantor=guarantor,
        guarantee_share=np.where(rng.random(len(covers)) < 0.7, 1.0, rng.random(len(covers))),
        guarantee_cap=np.where(rng.random(len(covers)) < 0.3, np.inf, rng.random(len(covers)) * 1000),
        cover_start=np.r_[0, np.cumsum([len(cover) for cover in covers])].astype(np.int64),
        cover=np.concatenate([*covers, np.zeros(0)]).astype(np.int64),
        project_spv=np.zeros(projects, dtype=np.int64),
        project_cfads=np.full(projects, 500.0),
        project_debt_service=np.full(projects, 400.0),
        dscr_lockup=np.full(projects, 1.2),
        dscr_default=np.full(projects, 1.05),
        major_party_share=np.full(projects, 0.5),
        party_project=np.zeros(2 * projects, dtype=np.int64),
        party=rng.integers(0, n, 2 * projects),
        party_share=rng.random(2 * projects) * 0.6,
        loss_on_default=sparse.csr_array(0.45 * balance),
        equity=equity,
        stake=rng.random(n) * 2000,
        reflection=Reflection(sparse.csr_array(weights), np.full(n, -1), np.zeros(0, dtype=np.int64), np.ones(n)),
    )
    behaviour = Behaviour(
        a=float(rng.choice([0.5, 1.0, 3.0])),
        delta=float(rng.choice([0.0, 0.3, 0.8])),
        kappa=float(rng.choice([0.0, 1.0])),
        cfads_lost=0.5,
        materiality=0.0,
        phi=None,
        points=(STEP, RAMP, WHOLE),
        of_line=rng.integers(0, 3, lines),
        feedback=feedback,
    )
    owing = np.flatnonzero(np.bincount(debtor, minlength=n))
    subject = int(rng.choice(owing))
    withheld = np.where(debtor == subject, due * rng.random(), 0.0)
    return Drawn(system, behaviour, subject, withheld)
