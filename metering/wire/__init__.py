"""What comes over the wire: bodies and files of events, unpacked, read and checked for form. Stores nothing."""
