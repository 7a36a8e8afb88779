"""The intermediate representation: Program, its placement on a stack, and the layout of units."""
