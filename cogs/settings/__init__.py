"""`/settings`, and the menu of a person: moderators decide what is allowed in their server."""
