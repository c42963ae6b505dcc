"""The log: who did what to which file, when, old and new value. It is only ever added to."""
