"""Which job runs next, what it costs, and when it will be done."""
