"""What compiler and shim agree on: outcomes, errors, verdicts, exit codes and the plan."""
