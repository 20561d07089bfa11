"""Native code: what a file asks of the machine that loads it, and what each runtime has."""
