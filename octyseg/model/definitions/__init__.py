"""What people define: how it is written, read and checked, what is in force, and what the engine gets of it."""
