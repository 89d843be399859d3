"""The ground floor: who acts, where, in which language, on which database. Knows no hours, no points, no shop."""
