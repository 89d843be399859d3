"""Doors for phones and tills: the merchant's counter, the JSON API. Needs the extra `web`."""
