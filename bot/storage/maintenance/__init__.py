"""What hosts do with a database as a whole: back it up, restore it, check it."""
