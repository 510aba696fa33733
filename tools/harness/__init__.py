"""Real processes, crashes and load: shows the goals R1 to R18."""
