"""Tables as arrays: ids as positions, contracts as exposures, money as float64.

This is the one place where contracts become exposures and minor units become floating point. One direction rule
holds everywhere: row = who loses, column = who fails to perform.

=================  =============  ==============  =========
fact               who loses      who fails       channel
=================  =============  ==============  =========
loan               lender         borrower        default
invoice            seller         buyer           default
guarantee          guarantor      debtor          guarantee
trade, as supply   buyer          seller          supply
facility           borrower       provider        funding
ownership          owner          owned           trust
partnership        each of both   the other       trust
=================  =============  ==============  =========
"""

from graphrisk.network.arrays import CHANNELS, Channel, Guarantees, Influence, Items, Lines, Projects
from graphrisk.network.network import MONTH, Network

__all__ = ["CHANNELS", "MONTH", "Channel", "Guarantees", "Influence", "Items", "Lines", "Network", "Projects"]
