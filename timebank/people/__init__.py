"""Who and where: members, merchants, clerks. They open their own accounts in the book."""
