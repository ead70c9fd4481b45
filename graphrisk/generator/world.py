"""All that the tables of a book are drawn from: who there is, who answers for whom, and what it comes to."""

from dataclasses import dataclass

from graphrisk.generator.accounts import Accounts
from graphrisk.generator.loans import Houses, draw_houses
from graphrisk.generator.patterns import Links, plant
from graphrisk.generator.population import Population, populate


@dataclass(frozen=True, slots=True)
class World:
    """What a book is drawn from.

    Attributes
    ----------
    people : Population
        Its entities.
    houses : Houses
        How its financiers keep their books.
    links : Links
        Who guarantees whom.
    accounts : Accounts
        What falls due and is lent; grows while the tables are drawn.
    """

    people: Population
    houses: Houses
    links: Links
    accounts: Accounts


def draw_world(entities: int, seed: int, as_of: int) -> World:
    """Draw what a book rests on, before any of its tables.

    Parameters
    ----------
    entities : int
        How many, at least 100.
    seed : int
        Seed of the book.
    as_of : int
        Day of the book, since 1970-01-01.

    Examples
    --------
    >>> draw_world(100, 1, 19904).people.n
    100
    """
    people = populate(entities, seed, as_of)
    return World(people, draw_houses(people), plant(people), Accounts(entities))
