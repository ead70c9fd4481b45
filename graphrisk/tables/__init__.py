"""What the data looks like: schemas, aliases, values, checks, and the tables that passed them."""
