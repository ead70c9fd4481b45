"""Who sells what to whom, and the invoices of it: settled, open, disputed, confirmed, financed, insured."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from graphrisk.generator.accounts import HORIZON, Accounts
from graphrisk.generator.dice import LEAST_SIZE, ONE, TEN_THOUSAND, Dice, Marks, Whole, root
from graphrisk.generator.population import (
    BANK,
    COMPANY,
    INSURER,
    PLATFORM,
    PROJECT_SPV,
    PUBLIC,
    SECTORS,
    SOLE_TRADER,
    STRAINED,
    Population,
)
from graphrisk.generator.terms import RATE_PLACES, month_of
from graphrisk.generator.texts import Piece, dates, decimals, flags, ids, money, whole, words
from graphrisk.generator.world import World

#: Pairs of seller and buyer, in a hundred of all entities.
_PAIRS = 230
#: Sellers of a block, and pairs of one.
_SELLERS, _BLOCK = 50_000, 100_000
#: How many in ten thousand buyers are of the seller's own community.
_INSIDE_PARTS = 6_000
#: Median sales of a month between two of the smallest, in currency units.
_MEDIAN = 6_000
_MINOR = 100
_TERMS = np.array([15, 30, 30, 45, 60, 60, 90, 120])
_INVOICE_WIDTH = 8
_POLICY_WIDTH = 7
#: Buyers of this size confirm invoices; in a small book those at least half as large as the largest company do.
_CONFIRMS = 15 * LEAST_SIZE
#: What is critical: hardly replaceable, and much of the buyer's input, in ten-thousandths.
_HARD_TO_REPLACE, _MUCH = 1_000, 2_000
_OVERDUE_PARTS = 120
_CREDIT_INSURED_PARTS = 600


@dataclass(frozen=True, slots=True)
class _Market:
    """Buyers by community, with cumulated weights, and the weight at which each community begins."""

    buyers: Whole
    attraction: Whole
    edges: Whole


@dataclass(frozen=True, slots=True)
class Pairs:
    """Who sells to whom, one element a pair.

    Attributes
    ----------
    seller, buyer : ndarray of int64
        Positions of entities.
    amount : ndarray of int64
        Sales of a month, in minor units.
    days : ndarray of int64
        Days that the buyer has to pay.
    product : ndarray of int64
        Position in the three products of the seller's sector.
    """

    seller: Whole
    buyer: Whole
    amount: Whole
    days: Whole
    product: Whole


def draw_pairs(people: Population, accounts: Accounts) -> Pairs:
    """Draw who sells to whom: degrees with heavy tails, most within a community.

    Parameters
    ----------
    people : Population
    accounts : Accounts
        Sales and purchases of a month are added here.

    Returns
    -------
    Pairs
        No pair twice, nobody with itself.
    """
    sellers = people.of_kind(SOLE_TRADER, COMPANY)
    buyers = people.of_kind(PUBLIC, PROJECT_SPV, SOLE_TRADER, COMPANY)
    buyers = buyers[np.argsort(people.community[buyers], kind="stable")]
    dice = Dice(people.seed, 7)
    weight = people.size[sellers] * dice.factor("0.5", len(sellers)) // ONE
    wanted = people.n * _PAIRS // 100
    whole_, rest = np.divmod(weight * wanted, int(weight.sum()))
    count = whole_ + (dice.below(int(weight.sum()), len(sellers)) < rest)
    count = np.minimum(count, len(buyers) // 4)
    attraction = np.cumsum(people.size[buyers] * dice.factor("0.5", len(buyers)) // ONE)
    bounds = np.searchsorted(people.community[buyers], np.arange(people.communities + 1))
    market = _Market(buyers, attraction, np.concatenate([[0], attraction])[bounds])
    sellers, count = (column[dice.order(len(sellers))] for column in (sellers, count))
    pieces = []
    for block, first in enumerate(range(0, len(sellers), _SELLERS)):
        part = slice(first, first + _SELLERS)
        seller = np.repeat(sellers[part], count[part])
        pieces.append(_block(Dice(people.seed, 8, block), people, seller, market))
    pairs = Pairs(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))
    np.add.at(accounts.sold, pairs.seller, pairs.amount)
    np.add.at(accounts.bought, pairs.buyer, pairs.amount)
    return pairs


def _block(dice: Dice, people: Population, seller: Whole, market: _Market) -> tuple[Whole, Whole, Whole, Whole, Whole]:
    size = len(seller)
    community = people.community[seller]
    low, high = market.edges[community], market.edges[community + 1]
    inside = dice.chance(_INSIDE_PARTS, size) & (high > low)
    low, high = np.where(inside, low, 0), np.where(inside, high, market.attraction[-1])
    at = low + dice.below(high - low, size)
    buyer = market.buyers[np.searchsorted(market.attraction, at, side="right")]
    apart = seller != buyer
    distinct = np.unique((seller * people.n + buyer)[apart])
    seller, buyer = distinct // people.n, distinct % people.n
    size = len(seller)
    scale = root(people.size[seller] * people.size[buyer])
    amount = _MEDIAN * dice.factor("1.2", size) // ONE * scale // LEAST_SIZE
    amount = np.maximum(amount // 10, 20) * 10 * _MINOR
    return seller, buyer, amount, _TERMS[dice.below(len(_TERMS), size)], dice.below(3, size)


def trade(world: World) -> Iterator[Piece]:
    """Yield sales, invoices and credit insurance of all pairs, block by block.

    Parameters
    ----------
    world : World
        Sales, purchases and what falls due are added to its accounts.
    """
    people, accounts = world.people, world.accounts
    pairs = draw_pairs(people, accounts)
    month = int(month_of(np.array([people.as_of]))[0])
    for block, first in enumerate(range(0, len(pairs.seller), _BLOCK)):
        dice = Dice(people.seed, 9, block)
        part = slice(first, first + _BLOCK)
        some = Pairs(pairs.seller[part], pairs.buyer[part], pairs.amount[part], pairs.days[part], pairs.product[part])
        yield _sales(dice, people, some, accounts, month)
        yield from _invoices(dice, people, some, accounts)
        yield _credit_insurance(dice, people, some, accounts)


def _sales(dice: Dice, people: Population, pairs: Pairs, accounts: Accounts, month: int) -> Piece:
    """Return the sales of the last month, and for half of the pairs those of the month before."""
    size = len(pairs.seller)
    before = np.flatnonzero(dice.chance(5_000, size))
    row = np.concatenate([np.arange(size), before])
    amount = pairs.amount[row]
    amount[size:] = np.maximum(amount[size:] * dice.between(70, 130, len(before)) // 1_000 * 10, _MINOR)
    names = tuple(product for sector in SECTORS for product in sector[3])
    share = pairs.amount[row] * TEN_THOUSAND // np.maximum(accounts.bought[pairs.buyer[row]] * 5 // 4, 1)
    last = np.arange(len(row)) < size
    replaceable = dice.below(20, size)[row] * 500
    return "trade", {
        "seller_id": people.named(pairs.seller[row]),
        "buyer_id": people.named(pairs.buyer[row]),
        "amount": money(amount),
        "period": words((_month(month), _month(month - 1)), (~last).astype(np.int64)),
        "product": words(names, people.sector[pairs.seller[row]] * 3 + pairs.product[row]),
        "terms_days": whole(pairs.days[row]),
        "share_of_buyer_input": decimals(share, RATE_PLACES),
        "substitutable": decimals(replaceable, RATE_PLACES),
        "critical": flags((replaceable < _HARD_TO_REPLACE) & (share > _MUCH)),
    }


def _month(months: int) -> str:
    return f"{1970 + months // 12:04}-{months % 12 + 1:02}"


@dataclass(frozen=True, slots=True)
class _Bills:
    """Invoices of a block, one element an invoice; nobody finances it where `financier` is -1."""

    seller: Whole
    buyer: Whole
    amount: Whole
    issued: Whole
    due: Whole
    settled: Marks
    settled_on: Whole
    part: Whole
    disputed: Marks
    confirmed: Marks
    financier: Whole
    advance: Whole
    recourse: Marks

    @property
    def left(self) -> Whole:
        """What is open of each."""
        return np.where(self.settled, 0, self.amount - self.part)


def _invoices(dice: Dice, people: Population, pairs: Pairs, accounts: Accounts) -> Iterator[Piece]:
    """Yield one to three invoices of each pair, about a month apart."""
    bills = _draw_bills(dice, people, pairs)
    left = bills.left
    soon = (left > 0) & ~bills.disputed & (bills.due <= people.as_of + HORIZON)
    sold = np.where(bills.recourse | (bills.financier < 0), 0, left * bills.advance // TEN_THOUSAND)
    for creditor, amount in ((bills.seller, left - sold), (np.maximum(bills.financier, 0), sold)):
        accounts.owe(bills.buyer[soon], creditor[soon], amount[soon])
    size = len(bills.seller)
    financed = bills.financier >= 0
    blank = ~financed | (~bills.confirmed & dice.chance(5_000, size))
    yield (
        "invoices",
        {
            "invoice_id": ids("V", accounts.number("invoices", size), _INVOICE_WIDTH),
            "seller_id": people.named(bills.seller),
            "buyer_id": people.named(bills.buyer),
            "amount": money(bills.amount),
            "issue_date": dates(bills.issued),
            "due_date": dates(bills.due),
            "settled_date": dates(bills.settled_on, bills.settled),
            "settled_amount": money(bills.part, bills.part > 0),
            "disputed": flags(bills.disputed, bills.disputed),
            "confirmed": flags(bills.confirmed),
            "confirmed_date": dates(bills.issued + 3, bills.confirmed),
            "financed_by": people.named(bills.financier),
            "advance_rate": decimals(bills.advance, RATE_PLACES, financed),
            "recourse": flags(bills.recourse, ~blank),
        },
    )


def _is_large(people: Population, buyer: Whole) -> Marks:
    """Return which buyers are large enough to confirm invoices, and to be insured against."""
    half = int(people.size[people.of_kind(COMPANY)].max()) // 2
    large: Marks = people.size[buyer] >= min(_CONFIRMS, half)
    return large


def _draw_bills(dice: Dice, people: Population, pairs: Pairs) -> _Bills:
    pair = np.repeat(np.arange(len(pairs.seller)), 1 + dice.pick((40, 40, 20), len(pairs.seller)))
    size = len(pair)
    number = np.arange(size) - np.searchsorted(pair, pair)
    seller, buyer = pairs.seller[pair], pairs.buyer[pair]
    amount = np.maximum(pairs.amount[pair] * dice.between(850, 1_150, size) // 100_000 * 100, _MINOR)
    issued = people.as_of - 4 - 30 * number - dice.below(29, size)
    due = issued + pairs.days[pair]
    lag = dice.between(-6, 6, size)
    lag = np.where((people.health[buyer] == STRAINED) & dice.chance(5_000, size), dice.between(5, 45, size), lag)
    early = dice.chance(1_000, size)
    settled_on = np.where(early, issued + 5 + dice.below(np.maximum(pairs.days[pair] - 5, 1), size), due + lag)
    settled_on = np.maximum(settled_on, issued + 2)
    stops = (due > people.stopped[buyer]) | dice.chance(_OVERDUE_PARTS, size)
    settled = (settled_on <= people.as_of) & ~stops
    open_ = ~settled
    disputed = open_ & dice.chance(150, size)
    part = np.where(open_ & ~disputed & dice.chance(250, size), amount * dice.between(10, 60, size) // 10_000 * 100, 0)
    confirmed = open_ & ~disputed & _is_large(people, buyer) & dice.chance(6_000, size)
    financed = open_ & ~disputed & dice.chance(np.where(confirmed, 5_500, 1_200), size)
    houses = people.of_kind(BANK, PLATFORM)
    advance = np.where(confirmed, dice.between(80, 95, size), dice.between(70, 85, size)) * 100
    return _Bills(
        seller=seller,
        buyer=buyer,
        amount=amount,
        issued=issued,
        due=due,
        settled=settled,
        settled_on=settled_on,
        part=part,
        disputed=disputed,
        confirmed=confirmed,
        financier=np.where(financed, houses[dice.below(len(houses), size)], -1),
        advance=np.where(financed, advance, 0),
        recourse=financed & ~confirmed,
    )


def _credit_insurance(dice: Dice, people: Population, pairs: Pairs, accounts: Accounts) -> Piece:
    """Return policies of sellers against their large buyers."""
    row = np.flatnonzero(_is_large(people, pairs.buyer) & dice.chance(_CREDIT_INSURED_PARTS, len(pairs.seller)))
    size = len(row)
    insurers = people.of_kind(INSURER)
    limit = np.maximum(pairs.amount[row] * 3 // 1_000_000, 1) * 1_000_000
    start = people.as_of - dice.between(20, 300, size)
    return "insurance", {
        "policy_id": ids("I", accounts.number("insurance", size), _POLICY_WIDTH),
        "insurer_id": people.named(insurers[dice.below(len(insurers), size)]),
        "insured_id": people.named(pairs.seller[row]),
        "debtor_id": people.named(pairs.buyer[row]),
        "limit": money(limit),
        "aggregate": money(2 * limit, dice.chance(5_000, size)),
        "cover": decimals(dice.between(14, 19, size) * 500, RATE_PLACES),
        "deductible": money(limit // 100),
        "deductible_kind": words(("each", "aggregate"), dice.below(2, size)),
        "waiting_days": whole(np.full(size, 180)),
        "start": dates(start),
        "end": dates(start + 365),
        "max_extension_days": whole(np.full(size, 60)),
        "exclusions": words(("disputed invoices",), np.zeros(size, dtype=np.int64)),
    }
