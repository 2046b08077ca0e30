"""Starting a run on this machine: topologies, the argv of `accelerate launch`, signals and exit codes."""
