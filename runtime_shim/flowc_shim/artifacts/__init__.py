"""Files of a run: kept in the artifact store, handed on by reference."""
