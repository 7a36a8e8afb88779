"""The engine that started this process: what became of a run, and starting another."""
