"""The search index: one SQLCipher file for each pair of a mailbox. It can be thrown away and made again from the mail at any time.

Its key is derived from the pair's private half, so whoever cannot open the mail cannot open the index, and destroying the
unit's key ends both. Nothing of an opened index outlives the call that opened it.
"""
