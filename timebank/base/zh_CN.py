"""The Chinese of every sentence the program says: English sentence -> Chinese sentence. Words: docs/glossary.md."""

MESSAGES: dict[str, str] = {}
