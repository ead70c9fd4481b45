"""Groups, owners and partners."""

import numpy as np

from graphrisk.generator.dice import Dice, Whole
from graphrisk.generator.loans import Houses
from graphrisk.generator.population import COMPANY, PERSON, PLATFORM, SOLE_TRADER, Population
from graphrisk.generator.terms import RATE_PLACES
from graphrisk.generator.texts import Piece, dates, decimals, flags, ids, words

GROUP_WIDTH = 6
_IN_GROUPS = 12
_MOST_MEMBERS = 40
_OWNED_PARTS, _SECOND_OWNER_PARTS = 3_000, 2_500
_PARTNERS = 12
#: Fewest members of a group with a ring of owners, and for how many entities there is one.
_RING_LEAST, _RINGS = 3, 1_000
_KINDS = ("distributor", "franchise", "jv", "contractor", "offtaker")
_KIND_WEIGHTS = (45, 20, 15, 12, 8)


def draw_groups(people: Population) -> Whole:
    """Return the number of the group of each entity, 0 for none, of shape (n,): companies under one owner.

    Parameters
    ----------
    people : Population

    Examples
    --------
    >>> from graphrisk.generator.population import populate
    >>> groups = draw_groups(populate(1_000, 1, 19904))
    >>> int(np.bincount(groups[groups > 0])[1:].min()) >= 2
    True
    """
    dice = Dice(people.seed, 10)
    companies = people.of_kind(COMPANY)
    companies = companies[dice.order(len(companies))]
    wanted = max(2, len(companies) * _IN_GROUPS // 100)
    sizes = np.minimum(1 + dice.pareto(10**6, wanted) // 1_000, _MOST_MEMBERS)
    ends = np.cumsum(sizes)
    sizes = sizes[: int(np.searchsorted(ends, wanted, side="left")) + 1]
    sizes = sizes[np.cumsum(sizes) <= len(companies)]
    group = np.zeros(people.n, dtype=np.int64)
    group[companies[: int(sizes.sum())]] = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    return group


def ownership(people: Population, groups: Whole) -> tuple[Piece, int]:
    """Return who owns whom: the largest of a group the others, persons some of the other companies.

    In some groups of three and more the smallest owns a little of the largest, which closes a ring.

    Parameters
    ----------
    people : Population
    groups : ndarray of int64, shape (n,)
        Number of the group of each; 0 for none.

    Returns
    -------
    Piece
    int
        How many rings there are.
    """
    dice = Dice(people.seed, 11)
    members = np.flatnonzero(groups)
    members = members[np.lexsort((members, -people.size[members], groups[members]))]
    of = groups[members]
    first = np.searchsorted(of, of)
    parent = members[first]
    sub = np.arange(len(members)) != first
    last = np.append(of[1:] != of[:-1], True)
    closing = np.flatnonzero(last & (np.arange(len(members)) - first + 1 >= _RING_LEAST))
    rings = closing[: people.n // _RINGS]
    alone = people.of_kind(COMPANY)
    alone = alone[(groups[alone] == 0) & dice.chance(_OWNED_PARTS, len(alone))]
    persons = people.of_kind(PERSON)
    one = persons[dice.below(len(persons), len(alone))]
    two = np.flatnonzero(dice.chance(_SECOND_OWNER_PARTS, len(alone)))
    step = dice.between(1, len(persons) - 1, len(two))
    second = persons[(one[two] - persons[0] + step) % len(persons)]
    share = np.full(len(alone), 10_000)
    share[two] = 6_000
    blocks = (
        (parent[sub], members[sub], dice.between(51, 95, int(sub.sum())) * 100, True),
        (members[rings], parent[rings], dice.between(2, 8, len(rings)) * 100, False),
        (one, alone, share, True),
        (second, alone[two], np.full(len(two), 4_000), False),
    )
    size = sum(len(block[0]) for block in blocks)
    shares = np.concatenate([block[2] for block in blocks])
    control = np.concatenate([np.full(len(block[0]), block[3]) for block in blocks])
    piece: Piece = (
        "ownership",
        {
            "owner_id": people.named(np.concatenate([block[0] for block in blocks])),
            "owned_id": people.named(np.concatenate([block[1] for block in blocks])),
            "share_min": decimals(shares, RATE_PLACES),
            "share_max": decimals(shares, RATE_PLACES),
            "control": flags(control),
            "start": dates(people.as_of - dice.between(400, 6_000, size)),
        },
    )
    return piece, len(rings)


def partnerships(people: Population, houses: Houses) -> Piece:
    """Return who works with whom: platforms with the banks that lend along, firms within their community."""
    dice = Dice(people.seed, 12)
    platforms = people.of_kind(PLATFORM)
    platforms = platforms[houses.partner[platforms] >= 0]
    firms = people.of_kind(SOLE_TRADER, COMPANY)
    firms = firms[np.argsort(people.community[firms], kind="stable")]
    bounds = np.searchsorted(people.community[firms], np.arange(people.communities + 1))
    count = people.n * _PARTNERS // 100
    at = dice.below(len(firms), count)
    one = firms[at]
    low, high = bounds[people.community[one]], bounds[people.community[one] + 1]
    other = firms[low + dice.below(high - low, count)]
    apart = one != other
    one, other = one[apart], other[apart]
    kind = dice.pick(_KIND_WEIGHTS, len(one))
    size = len(platforms) + len(one)
    return "partnerships", {
        "from_id": people.named(np.concatenate([houses.partner[platforms], one])),
        "to_id": people.named(np.concatenate([platforms, other])),
        "kind": words(("co_lender", *_KINDS), np.concatenate([np.zeros(len(platforms), dtype=np.int64), 1 + kind])),
        "weight": decimals(dice.between(1, 6, size) * 500, RATE_PLACES),
        "trust": decimals(dice.between(12, 19, size) * 500, RATE_PLACES),
        "start": dates(people.as_of - dice.between(60, 3_000, size)),
    }


def group_ids(groups: Whole) -> object:
    """Return the ids of groups, blank for none."""
    return ids("GR", groups, GROUP_WIDTH, groups > 0)
