"""Running units: what starts, what a failure becomes, and what is committed."""
