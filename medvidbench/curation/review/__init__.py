"""People read a sample of caption pairs: the sheet, what comes back from it, and what follows."""
