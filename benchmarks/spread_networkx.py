"""One spread of ten thousand entities against the same model written with networkx and dictionaries.

The other version is what a decent programmer writes without arrays: contracts are edges with attributes, a round loops
over nodes and edges, and only the losses at rest are asked for. Both get the same system ready made, must say the same
to a billionth, and run in turn in one process.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from benchmarks.measurement import Measurement
from benchmarks.timing import interleaved
from graphrisk.analyzers.spread import Asked, Posed, pose
from graphrisk.generator import AS_OF, book
from graphrisk.models.arrays import SLACK
from graphrisk.models.guarantees import call_levels
from graphrisk.models.spread import REST, ROLLED, ROUNDING, TERMS, Behaviour, Spread, System
from graphrisk.network import Network
from graphrisk.policies.schema import read_reactions

ENTITIES, QUICK_ENTITIES = 10_000, 100
LIMIT = 1 / 200
#: Largest difference, as a share of what vanished.
CLOSE = 1e-9

Vector = NDArray[np.float64]
Amounts = dict[int, float]


@dataclass(frozen=True, slots=True)
class World:
    """A system as graphs.

    Attributes
    ----------
    owes : MultiDiGraph
        An edge debtor -> creditor for each item, with ``due``; nodes hold what the entity has.
    lines : MultiDiGraph
        An edge giver -> holder for each line.
    lends : DiGraph
        An edge lender -> borrower, with the ``loss`` if the borrower defaults.
    feels : DiGraph
        An edge i -> j: ``weight`` of j's distrust in i's.
    groups : list of list of int
        Members of each group; each feels the mean of the others.
    guarantees : list of dict
        In the order of call, each with the keys of the ``items`` that it covers.
    projects : list of dict
        Coverage, its levels, and the ``parties`` with their shares.
    """

    owes: "nx.MultiDiGraph[int]"
    lines: "nx.MultiDiGraph[int]"
    lends: "nx.DiGraph[int]"
    feels: "nx.DiGraph[int]"
    groups: list[list[int]]
    guarantees: list[dict[str, Any]]
    projects: list[dict[str, Any]]
    entities: range
    behaviour: Behaviour
    item: dict[int, dict[str, Any]] = field(default_factory=dict)


def world_of(system: System, behaviour: Behaviour) -> World:
    """Return a system as graphs with attributes."""
    n = system.n
    owes, lines = nx.MultiDiGraph(), nx.MultiDiGraph()
    owes.add_nodes_from(range(system.size))
    lines.add_nodes_from(range(system.size))
    columns = {"cash": system.cash, "solvent": system.solvent, "equity": system.equity, "stake": system.stake}
    columns |= {"excess": system.excess, "scale": system.reflection.scale}
    for name, values in columns.items():
        nx.set_node_attributes(owes, dict(enumerate(values.tolist())), name)
    items = zip(system.item_debtor.tolist(), system.item_creditor.tolist(), system.item_due.tolist(), strict=True)
    for key, (debtor, creditor, due) in enumerate(items):
        owes.add_edge(debtor, creditor, key=key, debtor=debtor, creditor=creditor, due=due)
    limit = np.isin(system.line_kind, (TERMS, ROLLED), invert=True)
    of_line = {
        "amount": system.line_amount,
        "limit": limit,
        "follows": system.line_follows,
        "cancellable": system.line_cancellable,
        "threshold": system.line_threshold,
        "recourse": system.line_recourse,
        "project": system.line_project,
        "table": behaviour.of_line,
    }
    ends = zip(system.line_giver.tolist(), system.line_holder.tolist(), strict=True)
    rows = zip(*(values.tolist() for values in of_line.values()), strict=True)
    for key, ((giver, holder), row) in enumerate(zip(ends, rows, strict=True)):
        lines.add_edge(giver, holder, key=key, giver=giver, holder=holder, **dict(zip(of_line, row, strict=True)))
    lending, direct = system.loss_on_default.tocoo(), system.reflection.direct.tocoo()
    lends, feels = nx.DiGraph(), nx.DiGraph()
    lends.add_nodes_from(range(n))
    feels.add_nodes_from(range(n))
    lends.add_weighted_edges_from(
        zip(lending.row.tolist(), lending.col.tolist(), lending.data.tolist(), strict=True), weight="loss"
    )
    feels.add_weighted_edges_from(zip(direct.row.tolist(), direct.col.tolist(), direct.data.tolist(), strict=True))
    members: dict[int, list[int]] = {}
    for entity, group in enumerate(system.reflection.group.tolist()):
        if group >= 0:
            members.setdefault(group, []).append(entity)
    starts = system.cover_start.tolist()
    guarantees = [
        {"guarantor": guarantor, "share": share, "cap": cap, "items": system.cover[first:last].tolist()}
        for guarantor, share, cap, first, last in zip(
            system.guarantor.tolist(),
            system.guarantee_share.tolist(),
            system.guarantee_cap.tolist(),
            starts[:-1],
            starts[1:],
            strict=True,
        )
    ]
    projects = [
        {
            "coverage": system.project_cfads[k] / system.project_debt_service[k],
            "least": system.dscr_default[k],
            "major": system.major_party_share[k],
            "parties": [
                (int(system.party[at]), float(system.party_share[at]))
                for at in np.flatnonzero(system.party_project == k)
            ],
        }
        for k in range(len(system.project_spv))
    ]
    groups = list(members.values())
    world = World(owes, lines, lends, feels, groups, guarantees, projects, range(n), behaviour)
    for _, _, key, data in owes.edges(keys=True, data=True):
        world.item[key] = data
    return world


@dataclass(slots=True)
class Standing:
    """Where a world stands after a round."""

    payment: Amounts
    received: Amounts
    receipts: Amounts
    called: list[float]
    distrust: Amounts
    kept: dict[Hashable, float]
    means: Amounts
    unpaid_share: Amounts


@dataclass(slots=True)
class Run:
    """What a run adds to a world: what is withheld of each item, everyone's cash, whose cash is raised."""

    world: World
    cash: Amounts
    solvent: dict[int, bool]
    obligation: Amounts
    payable: Amounts
    open: dict[int, float]


def start_run(world: World, cash: Amounts, solvent: dict[int, bool], withheld: Amounts | None) -> Run:
    """Return a run in which items are withheld; None for the baseline."""
    obligation = {node: world.owes.nodes[node]["excess"] for node in world.entities}
    payable = dict(obligation) if withheld is None else dict.fromkeys(world.entities, 0.0)
    open_ = {}
    for key, data in world.item.items():
        open_[key] = data["due"] - (withheld.get(key, 0.0) if withheld else 0.0)
        obligation[data["debtor"]] += data["due"]
        payable[data["debtor"]] += open_[key]
    return Run(world, cash, solvent, obligation, payable, open_)


def means_from_others(run: Run, at: Standing) -> tuple[Amounts, Amounts]:
    """Return what each entity receives and may draw, and what is withdrawn from it."""
    have = {node: at.received[node] + at.receipts[node] for node in run.world.entities}
    withdrawn = dict.fromkeys(run.world.entities, 0.0)
    for _, holder, key, data in run.world.lines.edges(keys=True, data=True):
        kept = data["amount"] * at.kept[key]
        if data["limit"]:
            have[holder] += kept
        else:
            withdrawn[holder] += data["amount"] - kept
    return have, withdrawn


def pay(run: Run, at: Standing) -> tuple[Amounts, Amounts, Amounts]:
    """Return means before their floor, payments, and the share that each leaves unpaid."""
    have, withdrawn = means_from_others(run, at)
    means, payment, unpaid_share = {}, {}, {}
    for node in run.world.entities:
        owed, cash = run.obligation[node], run.cash[node]
        others = have[node] - withdrawn[node]
        if run.solvent[node]:
            cash = max(cash, owed - others)
        means[node] = cash + others
        payment[node] = run.payable[node] if run.solvent[node] else min(run.payable[node], max(0.0, means[node]))
        payment[node] = min(payment[node], at.payment[node])
        left = 1.0 - payment[node] / owed if owed > 0 else 0.0
        unpaid_share[node] = left if left >= SLACK else 0.0
    return means, payment, unpaid_share


def call(run: Run, paid_share: Amounts, means: Amounts) -> tuple[list[float], Amounts]:
    """Call the guarantees in order; return what each pays and what creditors receive of it."""
    called: list[float] = []
    receipts = dict.fromkeys(run.world.owes, 0.0)
    surplus: Amounts = {}
    unpaid, still = {}, {}
    for guarantee in run.world.guarantees:
        for key in guarantee["items"]:
            if key not in unpaid:
                data = run.world.item[key]
                unpaid[key] = still[key] = max(0.0, data["due"] - run.open[key] * paid_share[data["debtor"]])
        before = sum(unpaid[key] for key in guarantee["items"])
        now = sum(still[key] for key in guarantee["items"])
        who = guarantee["guarantor"]
        left = surplus.get(who, max(0.0, means[who] - run.obligation[who]))
        paid = max(0.0, min(guarantee["cap"], guarantee["share"] * before, now, left))
        called.append(paid)
        surplus[who] = left - paid
        if paid > 0:
            for key in guarantee["items"]:
                part = still[key] * (paid / now)
                still[key] -= part
                receipts[run.world.item[key]["creditor"]] += part
    return called, receipts


def grow_distrust(run: Run, at: Standing, unpaid_share: Amounts) -> Amounts:
    """Return everyone's distrust: own unpaid share plus what reflects of the last round's."""
    rules, feels = run.world.behaviour, run.world.feels
    felt = dict.fromkeys(run.world.entities, 0.0)
    for one, other, weight in feels.edges(data="weight"):
        felt[one] += weight * at.distrust[other]
    for members in run.world.groups:
        total = sum(at.distrust[node] for node in members)
        for node in members:
            felt[node] += (total - at.distrust[node]) / (len(members) - 1)
    nodes = run.world.owes.nodes
    return {
        node: max(
            at.distrust[node],
            min(1.0, min(1.0, rules.a * unpaid_share[node]) + rules.delta * nodes[node]["scale"] * felt[node]),
        )
        for node in run.world.entities
    }


def read_table(points: list[tuple[float, float]], x: float) -> float:
    """Read a table straight between its points; at a step the first of two points holds."""
    at = bisect_left(points, x, key=lambda point: point[0])
    if at == len(points):
        return points[-1][1]
    if at and x <= points[at - 1][0] + SLACK and points[at][0] == points[at - 1][0]:
        at -= 1
    if at == 0 or points[at][0] == x:
        return points[at][1]
    (x0, y0), (x1, y1) = points[at - 1], points[at]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def keep(run: Run, at: Standing, payment: Amounts, unpaid_share: Amounts, distrust: Amounts) -> dict[Hashable, float]:
    """Return the share kept of each line: by contract first, then by distrust and by what its giver can carry."""
    world, rules = run.world, run.world.behaviour
    failed = [node for node in world.entities if unpaid_share[node] > rules.materiality + SLACK]
    loss: Amounts = {}
    for node in failed:
        for lender in world.lends.predecessors(node):
            loss[lender] = loss.get(lender, 0.0) + world.lends.edges[lender, node]["loss"]
    tables = [[tuple(point) for point in points.tolist()] for points in rules.points]
    tripped = [_tripped(project, unpaid_share, rules.cfads_lost) for project in world.projects]
    kept = {}
    for giver, _, key, data in world.lines.edges(keys=True, data=True):
        drawstop = data["project"] >= 0 and tripped[data["project"]]
        if drawstop or at.kept[key] == 0.0 or _stopped(run, data, payment, unpaid_share):
            kept[key] = 0.0
            continue
        share = 1.0
        if data["cancellable"]:
            share = read_table(tables[data["table"]], distrust.get(data["follows"], 0.0))
            if giver in loss:
                share = min(share, _carried(loss[giver], world.owes.nodes[giver]["equity"], rules.kappa))
        kept[key] = min(share, at.kept[key])
    return kept


def _stopped(run: Run, line: dict[str, Any], payment: Amounts, unpaid_share: Amounts) -> bool:
    """Return whether its contract stops a line."""
    holder = line["holder"]
    if unpaid_share[holder] <= 0 and run.obligation[holder] - payment[holder] <= line["threshold"]:
        return False
    if line["recourse"] and unpaid_share[holder] > 0:
        return True
    if line["threshold"] == float("inf"):
        return False
    paid_share = payment[holder] / run.payable[holder] if run.payable[holder] > 0 else 0.0
    unpaid = run.obligation[holder] - payment[holder]
    for key, data in run.world.owes.get_edge_data(holder, line["giver"], default={}).items():
        unpaid -= data["due"] - run.open[key] * paid_share
    return bool(unpaid > line["threshold"] + SLACK * run.obligation[holder])


def _tripped(project: dict[str, Any], unpaid_share: Amounts, cfads_lost: float) -> bool:
    """Return whether a project's lenders stop its draws: coverage below its level, or a major party late."""
    late = [share for party, share in project["parties"] if unpaid_share[party] > 0]
    coverage = project["coverage"] * (1.0 - cfads_lost * sum(late))
    low = coverage < project["least"] - SLACK * abs(coverage)
    return bool(low or any(share >= project["major"] for share in late))


def _carried(loss: float, equity: float, kappa: float) -> float:
    if equity != equity or loss <= 0:  # noqa: PLR0124 -- not a number: unknown
        return 1.0
    return min(1.0, max(0.0, 1.0 - kappa * loss / equity)) if equity > 0 else 0.0


def do_round(run: Run, at: Standing) -> Standing:
    """Do one round: pay, call, distrust, keep."""
    means, payment, unpaid_share = pay(run, at)
    paid_share = {node: payment[node] / owed if owed > 0 else 0.0 for node, owed in run.payable.items()}
    called, receipts = call(run, paid_share, means)
    distrust = grow_distrust(run, at, unpaid_share)
    received = dict.fromkeys(run.world.owes, 0.0)
    for debtor, creditor, key in run.world.owes.edges(keys=True):
        received[creditor] += run.open[key] * paid_share[debtor]
    kept = keep(run, at, payment, unpaid_share, distrust)
    return Standing(payment, received, receipts, called, distrust, kept, means, unpaid_share)


def _largest(old: Iterable[float], new: Iterable[float]) -> float:
    return max((abs(after - before) - ROUNDING * after for before, after in zip(old, new, strict=True)), default=0.0)


def to_rest(run: Run, at: Standing, still: float) -> tuple[Standing, int]:
    """Do rounds until nothing moves; return where it stands and how many rounds that took."""
    rounds = 0
    while True:
        new = do_round(run, at)
        rounds += 1
        lines = [data["amount"] for _, _, data in run.world.lines.edges(data=True)]
        money = max(
            _largest(at.payment.values(), new.payment.values()),
            _largest(at.received.values(), new.received.values()),
            _largest(at.receipts.values(), new.receipts.values()),
            _largest(at.called, new.called),
            _largest(
                (amount * share for amount, share in zip(lines, at.kept.values(), strict=True)),
                (amount * share for amount, share in zip(lines, new.kept.values(), strict=True)),
            ),
        )
        belief = max(abs(new.distrust[node] - at.distrust[node]) for node in run.world.entities)
        at = new
        if money <= still and belief <= REST:
            return at, rounds


def spread_by_dicts(world: World, subject: int, withheld: Amounts, own_cash: float) -> dict[str, Amounts]:
    """Return the losses of each entity, by column, and the rounds of the run under ``rounds``."""
    nodes = world.owes.nodes
    withheld_in_all = sum(withheld.values()) + sum(nodes[node]["excess"] for node in world.entities)
    still = REST * withheld_in_all
    cash = {node: nodes[node]["cash"] for node in world.entities}
    solvent = {node: nodes[node]["solvent"] for node in world.entities}
    solvent[subject] = True
    before = start_run(world, cash, solvent, None)
    nothing = dict.fromkeys(world.entities, 0.0)
    received = dict.fromkeys(world.owes, 0.0)
    for data in world.item.values():
        received[data["creditor"]] += data["due"]
    start = Standing(
        payment=dict(before.payable),
        received=received,
        receipts=dict.fromkeys(world.owes, 0.0),
        called=[0.0] * len(world.guarantees),
        distrust=nothing,
        kept={key: 1.0 for _, _, key in world.lines.edges(keys=True)},
        means=nothing,
        unpaid_share=nothing,
    )
    base, _ = to_rest(before, start, still)
    have, withdrawn = means_from_others(before, base)
    cash = {
        node: max(cash[node], before.obligation[node] - (have[node] - withdrawn[node])) if solvent[node] else cash[node]
        for node in world.entities
    }
    cash[subject] = max(own_cash, cash[subject] - withheld_in_all)
    run = start_run(world, cash, dict.fromkeys(world.entities, False), withheld)
    end, rounds = to_rest(run, base, still)
    return _losses(world, base, end, subject, withheld_in_all) | {"rounds": {0: float(rounds)}}


def _losses(world: World, base: Standing, end: Standing, subject: int, withheld: float) -> dict[str, Amounts]:
    nodes, least = world.owes.nodes, world.behaviour.materiality + SLACK
    short, passed, credit, trust, financing = (dict.fromkeys(world.entities, 0.0) for _ in range(5))
    for node in world.entities:
        short[node] = base.received[node] - end.received[node] - (end.receipts[node] - base.receipts[node])
        passed[node] = base.payment[node] - end.payment[node]
        trust[node] = nodes[node]["stake"] * (end.distrust[node] - base.distrust[node])
    passed[subject] -= withheld
    for number, guarantee in enumerate(world.guarantees):
        more = end.called[number] - base.called[number]
        short[guarantee["guarantor"]] += max(0.0, more)
        passed[guarantee["guarantor"]] += max(0.0, -more)
    for lender, borrower, loss in world.lends.edges(data="loss"):
        failed = (end.unpaid_share[borrower] > least) - (base.unpaid_share[borrower] > least)
        credit[lender] += loss * failed
    for _, holder, key, data in world.lines.edges(keys=True, data=True):
        financing[holder] += data["amount"] * (base.kept[key] - end.kept[key])
    absorbed = {node: short[node] + financing[node] - passed[node] for node in world.entities}
    return {
        "cash_shortfall": short,
        "credit_loss": credit,
        "trust_loss": trust,
        "financing_loss": financing,
        "passed_on": passed,
        "absorbed": absorbed,
    }


def case_of(entities: int, *, seed: int = 1) -> Posed:
    """Return a question about a generated book: what if the entity that owes most, bar lenders, pays nothing."""
    tables = book(entities, seed=seed)
    network = Network.from_tables(tables, as_of=AS_OF)
    lender = network.entities["kind"].isin(["bank", "platform"]).to_numpy()
    subject = int(np.argmax(np.where(lender, -1.0, network.obligation)))
    owed = float(network.obligation[subject])
    rules = read_reactions(tables.reactions, source="reactions.toml")
    return pose(network, Asked(str(network.ids[subject]), overdue=owed, reactions=rules))


def difference(found: Spread, by_dicts: dict[str, Amounts]) -> float:
    """Return the largest difference of any loss of any entity, as a share of what vanished."""
    return max(
        float(np.abs(getattr(found, name) - np.fromiter(values.values(), np.float64)).max()) / found.vanished
        for name, values in by_dicts.items()
        if name != "rounds"
    )


def measure(*, quick: bool = False) -> list[Measurement]:
    """Measure P3 for the spread: time of one spread, by that of the version with dictionaries.

    Parameters
    ----------
    quick : bool
        Whether a small network and few repetitions will do.

    Returns
    -------
    list of Measurement
    """
    posed = case_of(QUICK_ENTITIES if quick else ENTITIES)
    system, asked = posed.system, Asked("")
    world = world_of(system, posed.behaviour)
    withheld = {key: amount for key, amount in enumerate(posed.shock.withheld.tolist()) if amount > 0}
    answers: dict[str, Any] = {}

    def ours() -> None:
        answers["ours"] = posed.solve(asked)

    def theirs() -> None:
        answers["theirs"] = spread_by_dicts(world, posed.subject, withheld, float(system.cash[posed.subject]))

    times = interleaved({"ours": ours, "theirs": theirs}, rounds=1 if quick else 2, repeat={"ours": 5})
    apart = difference(answers["ours"], answers["theirs"])
    if apart > CLOSE:
        raise AssertionError(f"the two versions differ by {apart:g} of what vanished")
    levels = interleaved(
        {"levels": lambda: call_levels(system.guarantor, system.cover_start, system.cover)}, rounds=1 if quick else 5
    )["levels"]
    mine, other = times["ours"], times["theirs"]
    contracts = len(system.item_due) + len(system.line_amount) + len(system.guarantor)
    detail = (
        f"{system.n:,} entities, {contracts:,} items, lines and guarantees, {answers['ours'].rounds} rounds; "
        f"ours {mine.text}, networkx {other.text}; largest difference {apart:.1e}"
    )
    return [
        Measurement("P3", "one spread by networkx dicts", mine.median / other.median, LIMIT, "ratio", detail),
        Measurement("P3", "of it the order of guarantees", levels.median / mine.median, None, "share", levels.text),
    ]
