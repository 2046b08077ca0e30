"""Where rows come from and how they become micro-batches."""
