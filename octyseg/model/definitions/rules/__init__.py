"""What a definition must keep to: `table` lists the rules, the other modules have them by what they look at."""
