"""What runs octyseg somewhere; not part of the wheel."""
