"""Order-free shares of the channels: what each adds to the losses, averaged over all orders of switching them on.

With all channels on, losses are more than the sum of what each makes alone, so "what does trust add" depends on what
was on before. The Shapley value takes the mean over every order: shares add up to the whole, two channels that do
the same get the same, one that does nothing gets nothing, and no other rule has these three.

Shapley, L. S. (1953), "A Value for n-Person Games", Contributions to the Theory of Games II, 307-317.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from graphrisk.models.arrays import Vector
from graphrisk.models.spread import CHANNELS, TERMS, Spread
from graphrisk.results import Sentence

if TYPE_CHECKING:  # the spread is what this adds to
    from graphrisk.analyzers.spread import Asked, Posed

#: The totals that are shared out.
SHARED = ("cash_shortfall", "financing_loss", "trust_loss")


def shapley_values(players: Sequence[str], worth: Callable[[frozenset[str]], Vector]) -> dict[str, Vector]:
    """Share out what players are worth together.

    Parameters
    ----------
    players : sequence of str
        Their names.
    worth : callable
        A set of players to what it is worth, of shape (k,); asked once for each of the 2^n sets.

    Returns
    -------
    dict of str to ndarray of shape (k,)
        The mean, over all orders, of what each player adds to those before it.

    Examples
    --------
    One left glove, two right ones, a pair is worth 1 (Shapley's own kind of example): the left one gets 2/3.

    >>> pair = lambda who: np.array([float("left" in who and len(who) > 1)])
    >>> {name: round(float(share[0]), 3) for name, share in shapley_values(["left", "r1", "r2"], pair).items()}
    {'left': 0.667, 'r1': 0.167, 'r2': 0.167}
    """
    n = len(players)
    sets = [frozenset(chosen) for size in range(n + 1) for chosen in combinations(players, size)]
    worths = {chosen: worth(chosen) for chosen in sets}
    return {
        player: np.sum(
            [
                (factorial(len(others)) * factorial(n - len(others) - 1) / factorial(n))
                * (worths[others | {player}] - worths[others])
                for others in sets
                if player not in others
            ],
            axis=0,
        )
        for player in players
    }


def shapley_shares(posed: "Posed", asked: "Asked", found: Spread) -> dict[str, dict[str, float]]:
    """Share the losses of a spread among the channels, whatever their order.

    A channel is off in the baseline and in the run alike; what that means, see `graphrisk.models.spread.Behaviour`. A
    channel that the contracts cannot have (no guarantee that can be called, no trade credit, ...) is not solved for.

    Parameters
    ----------
    posed : Posed
        The question.
    asked : Asked
        The question.
    found : Spread
        Its answer with all channels on.

    Returns
    -------
    dict of str to dict of str to float
        By channel, the shares of the totals of `SHARED`, what creditors outside lack included.

    Raises
    ------
    NotConvergedError
        If amounts still move after the last round with some of the channels on.
    """
    present = frozenset(can_matter(posed))
    known = {present: _totals(found)}

    def worth(on: frozenset[str]) -> Vector:
        on &= present
        if on not in known:
            known[on] = _totals(posed.solve(asked, off=frozenset(CHANNELS) - on))
        return known[on]

    shares = shapley_values(CHANNELS, worth)
    return {channel: dict(zip(SHARED, map(float, share), strict=True)) for channel, share in shares.items()}


def can_matter(posed: "Posed") -> tuple[str, ...]:
    """Return the channels that the contracts of a question have at all."""
    system = posed.system
    reacting = system.line_amount > 0 if posed.behaviour.feedback else np.zeros(len(system.line_amount), dtype=np.bool_)
    trade = system.line_kind == TERMS
    there = {
        "default": len(system.item_due) > 0 or bool(system.excess.any()),
        "guarantee": len(system.guarantor) > 0,
        "supply": bool((reacting & trade).any()),
        "funding": bool((reacting & ~trade).any()),
        "trust": bool(system.stake.any()) or bool(reacting.any()),
    }
    return tuple(channel for channel in CHANNELS if there[channel])


def _totals(found: Spread) -> Vector:
    return np.array(
        [
            float(found.cash_shortfall.sum()) + found.absorbed_outside,
            float(found.financing_loss.sum()),
            float(found.trust_loss.sum()),
        ]
    )


def shapley_notes(shares: dict[str, dict[str, float]]) -> tuple[Sentence, ...]:
    """Say how the losses are shared, a sentence for each loss, and what it means that a channel is off.

    Parameters
    ----------
    shares : dict
        From `shapley_shares`.
    """
    said = [
        Sentence(
            "shapley_column",
            {
                "column": column,
                "total": sum(share[column] for share in shares.values()),
                "parts": tuple(
                    Sentence("channel_amount", {"channel": channel, "amount": share[column]})
                    for channel, share in shares.items()
                ),
            },
        )
        for column in SHARED
    ]
    return (*said, Sentence("shapley_off"))
