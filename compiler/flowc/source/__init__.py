"""Reading: located YAML, and the decoders that turn each file into a typed Source."""
