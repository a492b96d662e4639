"""Mail from another provider comes into a mailbox: over IMAP, or from a file (mbox, EML, or a zip of them).

What a stranger's server or file says is bounded everywhere; the credentials live sealed under a unit of their own that dies with the job.
"""
