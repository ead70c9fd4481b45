"""What all answers about exposures share: the exposures of a network by contract, their sums, their concentration."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from graphrisk.network import Channel, Network
from graphrisk.network.arrays import Positions, Vector
from graphrisk.network.reading import Reading
from graphrisk.results import Sentence

#: Channels whose exposures are money.
MONEY_CHANNELS: tuple[Channel, ...] = ("default", "guarantee", "supply", "funding")
#: Creditors whose concentration is told where none is asked about: those with most at stake.
LARGEST = 5
#: Most of a creditor's obligors whose share is told in one sum.
FIRST = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the exposures of a network.

    Attributes
    ----------
    entity_id, group_id : str or None
        Whose; None for everybody's.
    by_group : bool
        Whether obligors are taken together by group.
    channel : str or None
        The only channel that is wanted; None for all.
    """

    entity_id: str | None = None
    group_id: str | None = None
    by_group: bool = False
    channel: str | None = None

    def parameters(self) -> dict[str, object]:
        """Return what was asked, by flag name."""
        return {
            "entity_id": self.entity_id,
            "group_id": self.group_id,
            "group": self.by_group,
            "channel": self.channel,
        }


@dataclass(frozen=True, slots=True)
class Book:
    """A network with its exposures by contract, and the question.

    Attributes
    ----------
    network : Network
    read : Reading
        The book that it was built from.
    asked : Asked
    subject : int
        Position of the entity that is asked about; -1 for none.
    rows : DataFrame
        All exposures, from `contract_exposures`.
    """

    network: Network
    read: Reading
    asked: Asked
    subject: int
    rows: pd.DataFrame = field(repr=False)

    def id(self, position: float) -> str:
        """Return the id of an entity."""
        return str(self.network.ids[int(position)])

    def entity(self, position: float) -> Sentence:
        """Return an entity for a sentence: its name, if it has one, and its id, apart, so that a view can mask each."""
        name = self.network.entities["name"].iloc[int(position)]
        if pd.isna(name):
            return Sentence("entity_unnamed", {"id": self.id(position)})
        return Sentence("entity_named", {"name": str(name), "id": self.id(position)})

    def names(self, positions: pd.Series) -> pd.Series:
        """Return the names of entities, missing where they have none."""
        return self.network.entities["name"].iloc[positions].reset_index(drop=True)

    def net_capital(self) -> Vector:
        """Return the net capital of each entity in the reporting currency, of shape (n,); NaN where unknown."""
        entities = self.read.tables["entities"].drop_duplicates("entity_id").set_index("entity_id")
        capital = self.read.money(entities["net_capital"].reindex(self.network.ids).reset_index(drop=True))
        return np.where(capital > 0, capital, np.nan)


def by_channel(rows: pd.DataFrame) -> dict[str, float]:
    """Return the sums of exposures by channel, of those that are money.

    Parameters
    ----------
    rows : DataFrame
        From `contract_exposures`.
    """
    sums = rows.groupby("channel")["amount"].sum()
    return {channel: float(sums.get(channel, 0.0)) for channel in MONEY_CHANNELS}


def stakes(rows: pd.DataFrame) -> tuple[Sentence, ...]:
    """Return the sums of exposures by channel for a sentence, channels without any left out.

    Parameters
    ----------
    rows : DataFrame
        From `contract_exposures`.
    """
    return tuple(
        Sentence("stake_amount", {"what": Sentence(f"stake_{channel}"), "amount": amount})
        for channel, amount in by_channel(rows).items()
        if amount > 0
    )


def amounts_by_name(rows: pd.DataFrame, channel: str, of: Positions | None = None) -> pd.DataFrame:
    """Return what each creditor has at stake in each name through a channel: creditor, name, amount, loans.

    Parameters
    ----------
    rows : DataFrame
        From `contract_exposures`.
    channel : str
        The channel.
    of : ndarray of shape (n,), int, or None
        What counts as one name: a number for each entity; None: every entity is a name of its own.
    """
    chosen = rows[rows["channel"] == channel]
    obligor = chosen["obligor"].to_numpy(dtype=np.int64)
    frame = pd.DataFrame(
        {
            "creditor": chosen["creditor"].to_numpy(dtype=np.int64),
            "name": obligor if of is None else of[obligor],
            "amount": chosen["amount"].to_numpy(dtype=np.float64),
            "loans": np.where(chosen["kind"] == "loan", chosen["amount"], 0.0),
        }
    )
    return frame.groupby(["creditor", "name"], sort=True).sum().reset_index()


def concentration(names: pd.DataFrame, net_capital: Vector) -> pd.DataFrame:
    """Return how concentrated what each creditor has at stake is, those with most first.

    Parameters
    ----------
    names : DataFrame
        From `amounts_by_name`.
    net_capital : ndarray of shape (n,)
        Net capital by position, NaN where unknown.

    Returns
    -------
    DataFrame
        creditor, amount, names (how many), largest (the name with most), top1_share, top5_share, hhi (the sum of
        squared shares, after Herfindahl and Hirschman), net_capital, top1_of_net_capital, loans_of_net_capital (of
        the largest loans to one name).

    Examples
    --------
    Half owed by one, a quarter each by two others:

    >>> frame = pd.DataFrame({"creditor": 0, "name": [1, 2, 3], "amount": [50.0, 25.0, 25.0], "loans": 0.0})
    >>> concentration(frame, np.array([200.0]))[["top1_share", "hhi", "top1_of_net_capital"]].values.tolist()
    [[0.5, 0.375, 0.25]]
    """
    ranked = names.sort_values(["creditor", "amount", "name"], ascending=[True, False, True], kind="stable")
    of_creditor = ranked.groupby("creditor", sort=True)
    total, top = of_creditor["amount"].sum(), of_creditor.first()
    share = ranked["amount"] / ranked["creditor"].map(total)
    first = share.where(of_creditor.cumcount() < FIRST, 0.0)
    creditors = total.index.to_numpy(dtype=np.int64)
    capital = net_capital[creditors]
    frame = pd.DataFrame(
        {
            "creditor": creditors,
            "amount": total.to_numpy(),
            "names": of_creditor.size().to_numpy(),
            "largest": top["name"].to_numpy(),
            "top1_share": (top["amount"] / total).to_numpy(),
            "top5_share": first.groupby(ranked["creditor"]).sum().to_numpy(),
            "hhi": (share**2).groupby(ranked["creditor"]).sum().to_numpy(),
            "net_capital": capital,
            "top1_of_net_capital": top["amount"].to_numpy() / capital,
            "loans_of_net_capital": of_creditor["loans"].max().to_numpy() / capital,
        }
    )
    return frame.sort_values(["amount", "creditor"], ascending=[False, True], kind="stable").reset_index(drop=True)


def known(value: float) -> float | None:
    """Return a figure; None where it is not known."""
    return None if np.isnan(value) else float(value)
