"""The spread model a second time, slow and obvious, and the random books that it is compared on."""
