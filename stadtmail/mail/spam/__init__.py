"""Is a message unwanted? By what the mailbox's holder has taught (learned, filters), and by scanners that the operator sets up."""
