"""Messages to managers through Apprise: which addresses may be used, and the sending itself."""
