"""Wrong-way guarantees: the guarantor hangs on the debtor, so that it is weak just when it is called.

What hangs on whom is read from all that the data say of two entities. A link counts if at least a tenth of the first
one's business hangs on the other: a customer of a tenth of the revenue is one that accounts must name (IFRS 8,
Operating Segments, paragraph 34). Connection by control and economic interdependence follow the Basel Committee's
"LEX10: Definitions and application" (large exposures), which takes half of receipts or expenditure for the mark of one
single risk.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphrisk.models.arrays import Flags, Matrix, Positions, Vector, sum_at
from graphrisk.models.dependence import LINKS, Links, Ways, ways
from graphrisk.network import MONTH, Network
from graphrisk.network.groups import Groups, find_groups
from graphrisk.network.reading import Reading

#: What a link can be, the first one being meant where shares are equal.
KINDS = (
    "same_group",
    "owned_by",
    "owns",
    "default",
    "sales",
    "supply",
    "guarantee",
    "guaranteed_by",
    "funding",
    "partner",
)
_CODE = {kind: number for number, kind in enumerate(KINDS)}

#: Share of one's business from which on a link counts.
MATERIAL = 0.1
#: Months of a year.
_MONTHS = 12.0


@dataclass(frozen=True, slots=True)
class Paths:
    """How each guarantor hangs on its debtor.

    Attributes
    ----------
    links : ndarray of shape (k,), int
        Number of links; 0 where it does not.
    stops : ndarray of shape (k, LINKS + 1), int
        Positions from the guarantor to the debtor, -1 beyond.
    kind : ndarray of shape (k, LINKS), int
        Position in `KINDS` of each link, -1 beyond.
    amount, share : ndarray of shape (k, LINKS)
        Money behind each link, NaN where it is none; share of the business that hangs on it.
    dependence : ndarray of shape (k,)
        Product of the shares; 0 without a path.
    """

    links: Positions
    stops: Positions
    kind: Positions
    amount: Vector
    share: Vector
    dependence: Vector

    @property
    def wrong_way(self) -> Flags:
        """Whether each guarantor hangs on its debtor."""
        return np.asarray(self.links > 0)

    def ids(self, ids: pd.Index) -> list[tuple[str, ...]]:
        """Return the ids of each path from the guarantor to the debtor; blank without one."""
        named = np.append(ids.to_numpy(dtype=object), "")[self.stops]
        return [tuple(row[: count + 1]) if count else () for row, count in zip(named, self.links.tolist(), strict=True)]

    def channels(self) -> list[tuple[str, ...]]:
        """Return the kinds of each path's links."""
        named = np.array([*KINDS, ""], dtype=object)[self.kind]
        return [tuple(row[:count]) for row, count in zip(named, self.links.tolist(), strict=True)]

    def steps(self, position: int, ids: pd.Index) -> list[dict[str, object]]:
        """Return the links of one path, one by one."""
        return [
            {
                "entity_id": str(ids[self.stops[position, k]]),
                "depends_on": str(ids[self.stops[position, k + 1]]),
                "channel": KINDS[self.kind[position, k]],
                "amount": None if np.isnan(self.amount[position, k]) else float(self.amount[position, k]),
                "share": float(self.share[position, k]),
            }
            for k in range(int(self.links[position]))
        ]


def wrong_way_paths(network: Network, guarantor: Positions, debtor: Positions, *, read: Reading | None = None) -> Paths:
    """Find how each guarantor hangs on its debtor, beside the guarantee itself.

    Parameters
    ----------
    network : Network
        The network.
    guarantor, debtor : ndarray of shape (k,), int
        Positions.
    read : Reading or None
        The book that it was built from; None: it is read again.

    Returns
    -------
    Paths
        Of at most `graphrisk.models.dependence.LINKS` links: the path of the fewest links, of these the strongest.

    Examples
    --------
    B guarantees A, and A owes B 40 for goods: two fifths of what B is worth.

    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> firms = [{"entity_id": "A", "kind": "company"}, {"entity_id": "B", "kind": "company", "equity": 10_000}]
    >>> owed = [{"invoice_id": "V", "seller_id": "B", "buyer_id": "A", "amount": 4_000, "issue_date": "2024-06-01",
    ...          "due_date": "2024-07-01"}]
    >>> tables = Tables({"entities": SCHEMAS["entities"].frame(firms), "invoices": SCHEMAS["invoices"].frame(owed)})
    >>> network = Network.from_tables(tables, as_of=date(2024, 6, 30))
    >>> found = wrong_way_paths(network, np.array([1]), np.array([0]))
    >>> found.ids(network.ids), found.channels(), found.dependence.tolist()
    ([('B', 'A')], [('default',)], [0.4])
    """
    book = network.reading() if read is None else read
    links, at_once = dependence_links(network, book, find_groups(book))
    pair, of_pair = np.unique(guarantor * network.n + debtor, return_inverse=True)
    one, other = pair // max(network.n, 1), pair % max(network.n, 1)
    found = ways(one, other, links, at_once)
    apart = one != other  # who guarantees itself hangs on nobody else
    found = Ways(found.links * apart, found.stops, found.dependence * apart)
    paths = _with_links(one, other, found, links, at_once)
    return Paths(
        paths.links[of_pair],
        paths.stops[of_pair],
        paths.kind[of_pair],
        paths.amount[of_pair],
        paths.share[of_pair],
        paths.dependence[of_pair],
    )


def _with_links(one: Positions, other: Positions, found: Ways, links: Links, at_once: Links) -> Paths:
    """Return paths with what each of their links is."""
    shape = (len(one), LINKS)
    stops = np.column_stack([one, found.stops, np.full(len(one), -1)])
    rows = np.arange(len(one))
    stops[rows, found.links] = np.where(found.links > 0, other, -1)
    kind, amount, share = np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan), np.full(shape, np.nan)
    for k in range(LINKS):
        for table, row in ((at_once, found.links == k + 1), (links, found.links > k + 1)):
            of = np.flatnonzero(row)
            tail, head = stops[of, k], stops[of, k + 1]
            link = table.find(tail, head)
            together = (table.group[tail] >= 0) & (table.group[tail] == table.group[head])
            kind[of, k] = np.where(together, _CODE["same_group"], np.append(table.kind, -1)[link])
            amount[of, k] = np.where(together, np.nan, np.append(table.amount, np.nan)[link])
            share[of, k] = table.shares(tail, head)
    return Paths(found.links, stops, kind, amount, share, found.dependence)


def dependence_links(network: Network, read: Reading, groups: Groups) -> tuple[Links, Links]:
    """Return all material links between the entities of a network, and those that may lead to a debtor.

    That others guarantee the same debtor makes nobody hang on it: no guarantee is the last link of a path.

    ==============  ==========================================  =================================================
    kind            the first hangs on the other, since         share of its business
    ==============  ==========================================  =================================================
    same_group      both are of one group, by data or control   all
    owned_by, owns  one owns a part of the other                the part, through any chain of firms
    default         the other owes it                           amount / equity, else cash, else all that it is owed
    sales           it sells to the other                       sales / revenue, at least all receipts known
    supply          it buys from the other                      purchases / all expenditure known
    guarantee       it guarantees the other                     amount / equity, else cash
    guaranteed_by   the other guarantees it                     amount / all that it owes
    funding         the other grants it limits and advances     amount / all limits and advances
    partner         they work together                          weight of the partnership or share in the project
    ==============  ==========================================  =================================================

    Parameters
    ----------
    network : Network
        The network.
    read : Reading
        The book that it was built from.
    groups : Groups
        Its groups.

    Returns
    -------
    tuple of Links
    """
    parts = [*_links_of_money(network, read), *_links_of_ties(network, groups)]
    kind = np.concatenate([np.full(len(one), _CODE[name], dtype=np.int64) for name, one, *_ in parts])
    one, other, amount, share = (np.concatenate([part[k] for part in parts]) for k in range(1, 5))
    group = groups.group[: network.n]

    def links(keep: Flags) -> Links:
        return Links.of(one[keep], other[keep], kind=kind[keep], amount=amount[keep], share=share[keep], group=group)

    counts = share >= MATERIAL
    return links(counts), links(counts & (kind != _CODE["guarantee"]))


_Part = tuple[str, Positions, Positions, Vector, Vector]


def _of_matrix(kind: str, matrix: Matrix, base: Vector) -> _Part:
    """Return the entries of a matrix as links whose share is the entry over what its row is measured by."""
    places = matrix.tocoo()
    row, column = places.row.astype(np.int64), places.col.astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = places.data / base[row]
    return kind, row, column, places.data, np.where(base[row] > 0, share, 0.0)


def _row_sums(matrix: Matrix) -> Vector:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _links_of_money(network: Network, read: Reading) -> list[_Part]:
    """Return the links that an amount stands behind."""
    owed, bought = network.exposure["default"], network.exposure["supply"]
    guaranteed, funded = network.exposure["guarantee"], network.exposure["funding"]
    worth = np.where(network.equity > 0, network.equity, np.where(network.cash > 0, network.cash, np.nan))
    lines = network.lines
    granted = sum_at(lines.holder, np.where(lines.kind == "terms", 0.0, lines.amount), network.n)
    sold = bought.T.tocsr()
    months = _MONTHS if _by_year(network) else 1.0
    inflow = network.net_inflow * MONTH / network.horizon_days + network.monthly_outflow
    receipts = np.maximum(_row_sums(sold) + inflow * months, _revenue(network, read) * months / _MONTHS)
    expenditure = _row_sums(bought) + network.monthly_outflow * months
    return [
        _of_matrix("default", owed, np.where(np.isnan(worth), _row_sums(owed), worth)),
        _of_matrix("sales", sold, receipts),
        _of_matrix("supply", bought, expenditure),
        _of_matrix("guarantee", guaranteed, np.nan_to_num(worth)),
        _of_matrix("guaranteed_by", guaranteed.T.tocsr(), network.outstanding),
        _of_matrix("funding", funded, granted),
    ]


def _by_year(network: Network) -> bool:
    """Return whether sales are those of a year; a year among months counts, so that no share is put too high."""
    period = network.tables["trade"]["period"].dropna()
    return bool((period.str.len() == len("2024")).any())


def _revenue(network: Network, read: Reading) -> Vector:
    """Return the revenue of a year of each entity, 0 where unknown."""
    entities = read.tables["entities"].drop_duplicates("entity_id").set_index("entity_id")
    revenue: Vector = np.nan_to_num(read.money(entities["revenue"].reindex(network.ids)))
    return revenue


def _links_of_ties(network: Network, groups: Groups) -> list[_Part]:
    """Return the links that a share stands behind: ownership both ways, partnership, part in a project."""
    n = network.n
    everything = np.ones(n)
    owned = groups.owned[:n][:, :n]
    parts = [
        _of_matrix("owns", owned, everything),
        _of_matrix("owned_by", owned.T.tocsr(), everything),
        _of_matrix("partner", network.influence.direct, everything),
    ]
    return [(kind, one, other, np.full(len(one), np.nan), share) for kind, one, other, _, share in parts]
