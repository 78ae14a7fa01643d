"""Events in the formats of others: ninjs, CSV, Parquet, JSON Feed, Atom."""
