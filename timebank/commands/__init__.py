"""The doors of the command line, one file a noun: parse, open the transaction, call the room's verb, show."""
